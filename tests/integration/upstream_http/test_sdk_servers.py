"""Servers made with the official SDKs, over HTTP, in every form in which they answer."""

import sys
from collections.abc import Iterator

import pytest

from app.protocol.versions import Era
from app.relay.events import Result
from app.upstream.upstream import State
from tests.support.http_wires import remote
from tests.support.programs import SERVERS, listening, python_of
from tests.support.upstreams import ask, lease_of, reaches, running, start

MODES = ["json", "sse", "json stateless", "sse stateless"]
STARTUP = 30.0


@pytest.fixture(scope="module")
def sdk2() -> Iterator[dict[str, str]]:
    program = [sys.executable, str(SERVERS / "sdk2_modes.py")]
    with listening(*[[*program, *mode.split()] for mode in MODES]) as ports:
        yield {mode: f"http://127.0.0.1:{port}/mcp" for mode, port in zip(MODES, ports, strict=True)}


@pytest.fixture(scope="module")
def sdk1() -> Iterator[dict[str, str]]:
    program = [python_of("sdk1"), str(SERVERS / "sdk1_server.py")]
    with listening([*program, "http"], [*program, "sse"]) as (http, sse):
        yield {"http": f"http://127.0.0.1:{http}/mcp", "sse": f"http://127.0.0.1:{sse}/sse"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["http", "auto"])
async def test_a_server_of_both_eras_is_used_in_the_era_of_the_client(
    sdk2: dict[str, str], mode: str, kind: str
) -> None:
    async with running(remote(sdk2[mode], kind)) as [server]:
        await reaches(server, State.READY, STARTUP)
        assert server.catalog
        assert {"add", "count", "sleep"} <= {tool.key for tool in server.catalog.tools}
        for era in Era:
            lease = await lease_of(server, era)
            assert lease.era is era
            assert await ask(lease, "add", a=2, b=3) == "5"
            lease.release()


@pytest.mark.requirement("http.both")
@pytest.mark.parametrize("mode", ["sse", "json"])
@pytest.mark.parametrize("era", list(Era))
async def test_progress_comes_with_a_call_that_wants_it(sdk2: dict[str, str], mode: str, era: Era) -> None:
    async with running(remote(sdk2[mode])) as [server]:
        await reaches(server, State.READY, STARTUP)
        call = start(await lease_of(server, era), "count", token=b'"theirs"', steps=3)
        assert isinstance(await call.outcome(), Result)
        # A server that is told to answer in JSON has nowhere to put it.
        assert len(call.notices) == (0 if mode == "json" else 3)


@pytest.mark.parametrize("era", list(Era))
async def test_a_call_that_is_given_up_leaves_the_session_usable(sdk2: dict[str, str], era: Era) -> None:
    async with running(remote(sdk2["sse"])) as [server]:
        await reaches(server, State.READY, STARTUP)
        lease = await lease_of(server, era)
        call = start(lease, "sleep", seconds=60)
        lease.cancel(call.id, "enough")
        assert await ask(lease, "add", a=1, b=1) == "2"
        assert not call.last


@pytest.mark.parametrize("era", list(Era))
async def test_many_calls_at_once_get_each_its_own_answer(sdk2: dict[str, str], era: Era) -> None:
    async with running(remote(sdk2["sse"])) as [server]:
        await reaches(server, State.READY, STARTUP)
        lease = await lease_of(server, era)
        calls = [start(lease, "add", a=n, b=n) for n in range(40)]
        for n, call in enumerate(calls):
            outcome = await call.outcome(20)
            assert isinstance(outcome, Result)
            assert f'"text":"{2 * n}"' in bytes(outcome.raw).decode().replace(" ", "")


@pytest.mark.parametrize(("wire", "kind"), [("http", "http"), ("http", "auto"), ("sse", "sse"), ("sse", "auto")])
async def test_a_server_of_the_first_sdk_is_reached_however_its_kind_is_given(
    sdk1: dict[str, str], wire: str, kind: str
) -> None:
    async with running(remote(sdk1[wire], kind)) as [server]:
        await reaches(server, State.READY, STARTUP)
        lease = await lease_of(server, Era.MODERN)
        assert lease.era is Era.LEGACY
        assert await ask(lease, "multiply", a=6, b=7) == "42"
        call = start(lease, "count", token=b"1", steps=3)
        assert isinstance(await call.outcome(), Result)
        assert len(call.notices) == 3
