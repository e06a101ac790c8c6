"""Each way in which a server cannot be reached, brought about, and its fault (RELIABILITY.md F41, F43, F46, F47)."""

from pathlib import Path

import pytest

from app.protocol.faults import Fault, Kind
from app.upstream.http_client import HttpClient
from app.upstream.http_faults import FAILURES, describe, fault_of, refusal, seconds_of
from tests.support.tls import answering, certificate


async def failure(url: str, environment: dict[str, str] | None = None) -> tuple[Fault, str]:
    client = HttpClient(environment or {})
    try:
        async with (await client.reach(url)).get({}) as response:
            await response.read()
    except FAILURES as error:
        return fault_of("far", error), describe(error)
    finally:
        await client.close()
    raise AssertionError("it was reached")


async def test_a_host_that_does_not_exist() -> None:
    fault, told = await failure("http://nowhere.invalid/?token=secret")
    assert (fault.kind, "does not resolve" in fault.message) == (Kind.UNREACHABLE, True)
    assert "secret" not in fault.message + told


async def test_a_port_where_nobody_listens() -> None:
    fault, told = await failure("http://127.0.0.1:1/?token=secret")
    assert fault == Fault(
        Kind.UNREACHABLE, "Server 'far' refuses connections: is it running?", server="far", unsent=True
    )
    assert "secret" not in told


@pytest.mark.parametrize(
    ("host", "days", "trusted", "told"),
    [
        ("localhost", -2, True, "its TLS certificate has expired"),
        ("example.org", 2, True, "its TLS certificate is for another host name"),
        ("localhost", 2, False, "no known authority vouches for its TLS certificate"),
    ],
)
async def test_a_certificate_that_proves_nothing(
    tmp_path: Path, host: str, days: int, trusted: bool, told: str
) -> None:
    own = certificate(tmp_path, host, days)
    async with answering(b"", own) as port:
        fault, _ = await failure(f"https://localhost:{port}/", {"REQUESTS_CA_BUNDLE": str(own)} if trusted else None)
    assert fault.kind is Kind.UNREACHABLE
    assert told in fault.message


async def test_https_to_a_port_that_speaks_http() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        fault, _ = await failure(f"https://localhost:{port}/")
    assert fault.kind is Kind.UNREACHABLE
    assert "does not speak TLS" in fault.message


@pytest.mark.parametrize(
    ("reply", "kind", "told"),
    [
        (b"", Kind.CLOSED, "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Kind.PROTOCOL, "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Kind.CLOSED, "broke off its answer"),
    ],
)
async def test_an_answer_that_is_none(reply: bytes, kind: Kind, told: str) -> None:
    async with answering(reply) as port:
        fault, _ = await failure(f"http://localhost:{port}/")
    assert fault.kind is kind
    assert told in fault.message


async def test_a_proxy_that_is_not_there() -> None:
    fault, _ = await failure("http://far.invalid/", {"HTTP_PROXY": "http://127.0.0.1:1"})
    assert fault.kind is Kind.UNREACHABLE
    assert "proxy" in fault.message


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_the_gateways_own_matter(status: int) -> None:
    fault = refusal("far", status)
    assert (fault.kind, fault.status, fault.row.legacy, fault.row.modern) == (Kind.UNREACHABLE, status, 200, 200)
    assert "gateway's credentials" in fault.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0), (" 0 ", 0.0), ("99999999999999", 300.0), ("-1", None), ("soon", None), ("1e3", None), ("", None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 30.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_bounded(value: str, seconds: float | None) -> None:
    assert seconds_of(value, now=30.0) == seconds
