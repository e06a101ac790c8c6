"""Bytes that are no request, or more than one: what is answered, and that the app never sees them (B01 to B13).

At nginx, and at the app's own socket, which is all there is without nginx.
"""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from tests.integration.nginx.access_log import lines_of
from tests.integration.nginx.raw import exchange, parsed
from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.pace import kept
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, until

CONFIG = {"mcpServers": {"bench": workbench("bench")}}
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
CHUNKED = f"{len(BODY):x}\r\n{BODY}\r\n"
AGAIN = f"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


def post(*lines: str, body: str = BODY, version: str = "HTTP/1.1", host: str | None = "Host: x") -> bytes:
    """A ping with a key, but for what `lines` make of it."""
    head = [f"POST /mcp {version}", *([host] if host else []), f"Authorization: Bearer {KEY}"]
    return "\r\n".join([*head, "Content-Type: application/json", *lines, "", body]).encode("latin-1")


NEVER: set[int] = set()
"""The app waits for more, as for any request that is not there yet."""
LENGTH = f"Content-Length: {len(BODY)}"
# Row, bytes, statuses at nginx, statuses at the app; 0: closed without a word.
CASES: dict[str, tuple[bytes, set[int], set[int]]] = {
    "b01 length and chunks": (post(LENGTH, "Transfer-Encoding: chunked", body=f"{CHUNKED}0\r\n\r\n"), {400}, {400}),
    "b01 chunks and length": (post("Transfer-Encoding: chunked", LENGTH, body=f"{CHUNKED}0\r\n\r\n"), {400}, {400}),
    "b01 length and chunks, and less than the length": (
        post(LENGTH, "Transfer-Encoding: chunked", body="0\r\n\r\n"), {400}, {400},
    ),
    "b02 two lengths": (post(LENGTH, "Content-Length: 2"), {400}, {400}),
    "b02 a list of lengths": (post("Content-Length: 2, 2"), {400}, {400}),
    "b02 plus": (post("Content-Length: +2"), {400}, {400}),
    "b02 minus": (post("Content-Length: -1"), {400}, {400}),
    "b02 20 digits": (post("Content-Length: 99999999999999999999"), {400}, {400, 413}),
    "b03 xchunked": (post("Transfer-Encoding: xchunked"), {501}, {400}),
    "b03 gzip, chunked": (post("Transfer-Encoding: gzip, chunked", body=f"{CHUNKED}0\r\n\r\n"), {501}, {200}),
    "b03 chunked twice": (
        post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=f"{CHUNKED}0\r\n\r\n"), {400}, {400},
    ),
    "b03 chunked in 1.0": (
        post("Transfer-Encoding: chunked", version="HTTP/1.0", body=f"{CHUNKED}0\r\n\r\n"), {400}, {200},
    ),
    "b04 bad chunk size": (post("Transfer-Encoding: chunked", body="zz\r\n"), {400}, {400}),
    "b04 overflowing chunk size": (post("Transfer-Encoding: chunked", body="fffffffffffffffff\r\nx"), {400}, {400}),
    "b04 no CRLF after a chunk": (post("Transfer-Encoding: chunked", body=f"2\r\nabX\r\n{AGAIN}"), {400}, {400}),
    "b06 NUL in a header": (post("X-A: a\0b", LENGTH), {400}, {400}),
    "b06 CR in a header": (post("X-A: a\rb", LENGTH), {400}, {400}),
    "b06 ESC in a name": (post("X-\x1bA: a", LENGTH), {400}, {400}),
    "b06 obsolete folding": (post("X-A: a\r\n  b", LENGTH), {400}, {200, 400}),
    "b06 a space in a name": (post("X A: a", LENGTH), {400}, {400}),
    "b07 a line of 9 kB": (post("X-A: " + "a" * 9000, LENGTH), {431}, {431}),
    "b07 40 kB of headers": (post(*["X-A: " + "a" * 7000] * 6, LENGTH), {400}, {431}),
    "b07 2000 headers": (post(*[f"X-{n}: {'a' * 15}" for n in range(2000)], LENGTH), {400}, {431}),
    "b08 a URI of 10 kB": (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}, {414}),
    "b09 a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n", {400}, {400}),
    "b09 an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}, {400}),
    "b09 garbage": (b"\x00\x01\x02garbage\r\n\r\n", {400}, {400}),
    "b10 no host": (post(LENGTH, "Connection: close", host=None), {400}, {200, 400}),
    "b10 two hosts": (post("Host: y", LENGTH, "Connection: close"), {400}, {200, 400}),
    "b10 a host that is none": (post(LENGTH, "Connection: close", host="Host: a/../b"), {400}, {200, 400}),
    "b13 3.7": (post(LENGTH, version="HTTP/3.7"), {505}, {400}),
    "b13 0.9": (b"GET /mcp\r\n", {0, 400}, NEVER),
}  # fmt: skip


@pytest.fixture(scope="module", params=["nginx", "direct"])
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    with running_gateway(CONFIG, keys={KEY: "one"}, edge=request.param == "nginx") as running:
        running.wait_until_ready()
        yield running


def has_nginx(gateway: Gateway) -> bool:
    return "through nginx" in gateway.log()


def statuses_of(answer: bytes) -> list[int]:
    """Of every answer in what came back."""
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("case", CASES)
async def test_b01_to_b13_what_is_no_request_is_refused_once_and_the_next_one_is_served(
    gateway: Gateway, case: str
) -> None:
    sent, at_nginx, at_app = CASES[case]
    behind = has_nginx(gateway)
    before = len(lines_of(gateway)) if behind else 0
    allowed = at_nginx if behind else at_app
    if allowed is NEVER:
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(exchange, gateway, sent, patience=0.5)
        return
    if 200 in allowed or 404 in allowed:
        sent = sent.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if b"Connection" not in sent else sent
    answer = await asyncio.to_thread(exchange, gateway, sent)
    found = statuses_of(answer)
    assert len(found) <= 1, f"a second request was read: {answer!r}"
    assert (found or [0])[0] in allowed, answer
    if found and found[0] >= 400:
        _, headers, body = parsed(answer)
        assert headers["content-type"] == "application/json"
        json.loads(body)
    if behind and found:
        [line] = eventually(lambda: lines_of(gateway)[before:], what="a line")
        if not case.startswith("b04"):  # nginx reads the chunks only while it passes them on
            # With a key in it the app is asked for two of them, and for nothing of what the request says.
            # What is too long the worker refuses before the app.
            assert line["upstream_status"] in ("", "-", "400", "431"), "the app has not seen it"
            assert line["id"] == "", "the app has not seen it"
    good = await Caller(gateway.host, gateway.port, KEY, "modern").call("bench__whoami")
    assert good.status == 200
    if behind:
        ident = good.answer.header("x-request-id")
        eventually(
            lambda: [line for line in lines_of(gateway) if line["id"] == ident], what="its line, before the next"
        )


async def test_b04_what_stands_in_trailers_is_no_header_and_no_second_request(gateway: Gateway) -> None:
    sent = post(
        "Transfer-Encoding: chunked", "Connection: close",
        body=f"{CHUNKED}0\r\nHost: evil\r\nContent-Length: {len(AGAIN)}\r\nAuthorization: Bearer x\r\n\r\n",
    )  # fmt: skip
    answer = await asyncio.to_thread(exchange, gateway, sent)
    assert statuses_of(answer) in ([200], [400])


async def test_b13_http_1_0_is_served(gateway: Gateway) -> None:
    answer = await asyncio.to_thread(exchange, gateway, post(LENGTH, version="HTTP/1.0"))
    assert parsed(answer)[0] == 200


async def test_b23_a_client_that_closes_its_half_in_the_middle_of_a_call_has_left_it(gateway: Gateway) -> None:
    caller = Caller(gateway.host, gateway.port, KEY, "modern")
    async with caller.open("tools/call", {"name": "bench__hold", "arguments": {"label": "half"}}) as wire:
        await until(lambda: _journaled(gateway, "started half"), "the call at the server")
        began = time.monotonic()
        wire.writer.write_eof()
        async with asyncio.timeout(30):
            assert await wire.reader.read() == b""
        assert kept(time.monotonic() - began, 3)
    await until(lambda: _journaled(gateway, "cancelled half"), "the end of the call")


async def _journaled(gateway: Gateway, entry: str) -> bool:
    """What the server that holds calls saw of them."""
    journal = (await Caller(gateway.host, gateway.port, KEY, "modern").call("bench__journal")).text
    return entry in journal


async def test_b11_a_host_that_is_not_ours_is_refused_where_hosts_are_named() -> None:
    env = {"MCP_ALLOWED_HOSTS": "gateway.test, [::1], 127.0.0.1"}
    with running_gateway(CONFIG, keys={KEY: "one"}, edge=True, env=env) as named:
        for host, status in (
            ("gateway.test", 200), ("gateway.test:8080", 200), ("GATEWAY.test", 200), ("[::1]:1", 200),
            ("rebound.example", 403), ("gateway.test.evil.example", 403), ("127.0.0.2", 403),
        ):  # fmt: skip
            answer = await asyncio.to_thread(exchange, named, post(LENGTH, "Connection: close", host=f"Host: {host}"))
            assert parsed(answer)[0] == status, host
