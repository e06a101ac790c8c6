"""An upstream over HTTP as a whole, from finding its era to its recovery, against a server that misbehaves."""

from collections.abc import Iterator

import pytest

from app.protocol.faults import Kind
from app.protocol.versions import Era
from app.upstream.upstream import State
from tests.support.http_wires import remote, seen, wayward_http
from tests.support.upstreams import ask, fails, lease_of, reaches, running, until


@pytest.fixture
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


@pytest.mark.requirement("era.fallback")
@pytest.mark.parametrize(
    ("path", "kind", "era"),
    [
        ("/json", "http", Era.LEGACY),
        ("/sse", "auto", Era.LEGACY),
        ("/modern", "http", Era.MODERN),
        ("/events", "auto", Era.MODERN),
        ("/old", "auto", Era.LEGACY),
        ("/old", "sse", Era.LEGACY),
    ],
)
async def test_the_era_and_the_wire_are_found_out(origin: str, path: str, kind: str, era: Era) -> None:
    async with running(remote(origin + path, kind)) as [server]:
        await reaches(server, State.READY)
        for wanted in Era:
            lease = await lease_of(server, wanted)
            assert lease.era is era
            assert await ask(lease, "echo", a=1) == '{"a": 1}'


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/status/401", "refused the gateway's credentials (HTTP 401)"),
        ("/status/503", "is failing (HTTP 503)"),
        ("/redirect", "redirects elsewhere (HTTP 307)"),
        ("/nowhere", "answered HTTP 404"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "auto"])
async def test_a_server_that_refuses_everything_says_why(origin: str, path: str, kind: str, told: str) -> None:
    async with running(remote(origin + path, kind)) as [server]:
        await reaches(server, State.FAILED if "401" in path else State.BACKOFF)
        assert told in server.reason


async def test_a_session_that_the_server_forgot_is_opened_anew(origin: str) -> None:
    async with running(remote(f"{origin}/json")) as [server]:
        await reaches(server, State.READY)
        lease = await lease_of(server)
        await ask(lease, "forget")
        assert (await fails(lease, "echo")).kind is Kind.CLOSED
        await until(server, lambda: server.state is State.READY)
        assert await ask(await lease_of(server), "echo") == "{}"


async def test_a_changed_list_is_fetched_when_the_server_says_so(origin: str) -> None:
    async with running(remote(f"{origin}/sse")) as [server]:
        await reaches(server, State.READY)
        assert server.catalog
        before = len(server.catalog.tools)
        while not (await seen(origin))["streams"]:
            pass
        await ask(await lease_of(server), "change")
        await until(server, lambda: bool(server.catalog) and len(server.catalog.tools) == before + 1)


async def test_a_legacy_session_is_deleted_in_the_end(origin: str) -> None:
    async with running(remote(f"{origin}/json")) as [server]:
        await reaches(server, State.READY)
    assert "DELETE" in [request["method"] for request in (await seen(origin))["seen"]]


async def test_a_spoilt_answer_costs_its_call_alone(origin: str) -> None:
    async with running(remote(f"{origin}/events")) as [server]:
        await reaches(server, State.READY)
        lease = await lease_of(server, Era.MODERN)
        assert (await fails(lease, "cut")).kind is Kind.CLOSED
        assert (await fails(lease, "broken_chunk")).kind in {Kind.CLOSED, Kind.PROTOCOL}
        assert (await fails(lease, "html")).kind is Kind.PROTOCOL
        assert await ask(lease, "echo") == "{}"
        assert server.state is State.READY
