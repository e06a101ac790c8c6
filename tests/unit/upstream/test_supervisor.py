from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.upstream import supervisor as module
from app.upstream.errors import HttpRefusal
from app.upstream.supervisor import Supervisor
from app.upstream.upstream import State, Upstream
from app.upstream.verdicts import Verdict, Verdicts
from tests.support.recorded import ScriptedServer
from tests.support.upstreams import lease_of, reaches, until

LEGACY, MODERN = Era.LEGACY, Era.MODERN
DOWN = Fault(Kind.UNREACHABLE, "Server 'files' is down.", server="files")


@asynccontextmanager
async def supervised(
    server: ScriptedServer, verdicts: Verdicts | None = None, **members: Any
) -> AsyncIterator[tuple[Upstream, Supervisor]]:
    spec = ServerSpec(**{"name": "files", "label": "Files", "kind": "http", "prefix": "files", **members})
    upstream = Upstream(spec)
    supervisor = Supervisor(upstream, server.makes, verdicts or Verdicts(None), jitter=lambda: 0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervisor.run)
        yield upstream, supervisor
        upstream.stop_requested.set()
        with anyio.fail_after(5):
            await upstream.stopped.wait()
    assert upstream.state is State.STOPPED
    assert all(wire.closes for wire in server.wires)


def test_delays_double_up_to_half_a_minute_and_refused_credentials_wait_a_minute() -> None:
    upstream = Upstream(ServerSpec(name="files", label="Files", kind="http", prefix="files"))
    supervisor = Supervisor(upstream, ScriptedServer().makes, Verdicts(None), jitter=lambda: 0.0)
    delays = []
    for failures in range(9):
        supervisor._failures = failures
        delays.append(supervisor._delay(DOWN))
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    supervisor._failures = 5000
    assert supervisor._delay(DOWN) == 30
    for status in (401, 403):
        assert supervisor._delay(HttpRefusal(Kind.UNREACHABLE, "no", status=status)) == 60
    supervisor._jitter = lambda: 1.0
    supervisor._failures = 1
    assert supervisor._delay(DOWN) == 0.625


async def test_a_server_is_ready_once_it_is_listed() -> None:
    server = ScriptedServer(LEGACY)
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.READY)
        assert upstream.catalog is not None
        assert [item.key for item in upstream.catalog.tools] == ["echo"]
        assert (await lease_of(upstream, MODERN)).era is LEGACY


async def test_a_listing_that_fails_at_first_is_a_failed_start_and_later_keeps_the_last_good_one() -> None:
    server = ScriptedServer(LEGACY, refusals={("http", "tools/list"): DOWN})
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.BACKOFF)
        server.refusals.clear()
        await reaches(upstream, State.READY)
        server.refusals["http", "tools/list"] = DOWN
        upstream.refresh_if_older_than(-1)
        await until(upstream, lambda: True)
        assert upstream.catalog is not None
        server.wires[-1].receiver.closed(DOWN)  # type: ignore[union-attr]
        await until(upstream, lambda: upstream.state is State.BACKOFF)
        await reaches(upstream, State.READY)
        assert [item.key for item in upstream.catalog.tools] == ["echo"]


async def test_a_session_that_ends_after_a_healthy_life_is_opened_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HEALTHY_AFTER", 0.0)
    server = ScriptedServer(LEGACY)
    async with supervised(server) as (upstream, _):
        states: list[State] = []
        await reaches(upstream, State.READY)
        upstream.add_listener(lambda u: states.append(u.state))
        server.wires[-1].receiver.closed(DOWN)  # type: ignore[union-attr]
        await until(upstream, lambda: upstream.state is State.READY and bool(states))
        assert State.BACKOFF not in states


async def test_a_handshake_has_its_time_and_no_more() -> None:
    server = ScriptedServer(LEGACY)
    server.silent = {"initialize"}
    async with supervised(server, era="legacy", startup_timeout=0.05) as (upstream, _):
        await reaches(upstream, State.BACKOFF)
        assert upstream.fault is not None
        assert upstream.fault.kind is Kind.TIMEOUT
        assert "0.05 s" in upstream.reason


async def test_a_bug_of_ours_met_with_one_server_is_a_failure_of_that_server() -> None:
    server = ScriptedServer(LEGACY)

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    server.makes = broken  # type: ignore[method-assign]
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.BACKOFF)
        assert "within the gateway" in upstream.reason


async def test_what_was_found_out_is_kept(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    async with supervised(ScriptedServer(MODERN, LEGACY), verdicts) as (upstream, supervisor):
        await lease_of(upstream, MODERN)
        assert verdicts.get(supervisor._identity) == Verdict(MODERN, other=None)
        await lease_of(upstream, LEGACY)
        assert Verdicts(tmp_path).get(supervisor._identity) == Verdict(MODERN, other=True)
    async with supervised(ScriptedServer(LEGACY), verdicts, kind="stdio") as (upstream, supervisor):
        await reaches(upstream, State.READY)
        assert verdicts.get(supervisor._identity) is None, "a local server is asked each time"


async def test_a_change_that_is_told_is_listed() -> None:
    server = ScriptedServer(LEGACY)
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.READY)
        server.tools.append("second")
        server.wires[-1].receiver.received(b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')  # type: ignore[union-attr]
        await until(upstream, lambda: upstream.version == 2)
        server.tools.append("third")
        upstream.refresh_if_older_than(3600)
        assert not upstream.relist_wanted.is_set(), "a young list is left alone"
        upstream.refresh_if_older_than(0)
        await until(upstream, lambda: upstream.version == 3)


async def test_a_stop_is_heeded_in_every_state() -> None:
    hanging = ScriptedServer(LEGACY)
    hanging.silent = {"initialize"}
    async with supervised(hanging, era="legacy") as (upstream, _):
        await anyio.wait_all_tasks_blocked()
        assert upstream.state is State.STARTING
    async with supervised(ScriptedServer(LEGACY, refusals={("http", "server/discover"): DOWN})) as (upstream, _):
        await reaches(upstream, State.BACKOFF)
