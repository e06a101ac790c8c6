from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Request
from app.upstream import backoff, heartbeat, keeping
from app.upstream.catalogs import Catalogs
from app.upstream.errors import HttpRefusal, SessionLost, UpstreamError
from app.upstream.supervisor import Supervisor
from app.upstream.upstream import State, Upstream
from app.upstream.verdicts import Verdict, Verdicts
from tests.support.recorded import ScriptedServer
from tests.support.upstreams import lease_of, reaches, until

LEGACY, MODERN = Era.LEGACY, Era.MODERN
DOWN = Fault(Kind.UNREACHABLE, "Server 'files' is down.", server="files")
BAD = Fault(Kind.PROTOCOL, "Server 'files' sent a bad page.", server="files")


@asynccontextmanager
async def supervised(
    server: ScriptedServer, verdicts: Verdicts | None = None, data: Path | None = None, **members: Any
) -> AsyncIterator[tuple[Upstream, Supervisor]]:
    spec = ServerSpec(**{"name": "files", "label": "Files", "kind": "http", "prefix": "files", **members})
    upstream = Upstream(spec)
    supervisor = Supervisor(upstream, server.makes, verdicts or Verdicts(None), Catalogs(data), jitter=lambda: 0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervisor.run)
        yield upstream, supervisor
        upstream.stop_requested.set()
        with anyio.fail_after(30):
            await upstream.stopped.wait()
    assert upstream.state is State.STOPPED
    assert all(wire.closes for wire in server.wires)


async def test_a_server_is_ready_once_it_is_listed() -> None:
    server = ScriptedServer(LEGACY)
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.READY)
        assert upstream.catalog is not None
        assert [item.key for item in upstream.catalog.tools] == ["echo"]
        assert (await lease_of(upstream, MODERN)).era is LEGACY


async def test_a_listing_that_fails_at_first_is_a_failed_start_and_later_keeps_the_last_good_one() -> None:
    server = ScriptedServer(LEGACY, refusals={("http", "tools/list"): BAD})
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.BACKOFF)
        server.refusals.clear()
        await reaches(upstream, State.READY)
        server.refusals["http", "tools/list"] = BAD
        upstream.refresh_if_older_than(-1)
        await reaches(upstream, State.DEGRADED)
        assert upstream.catalog is not None
        server.wires[-1].receiver.closed(DOWN)  # type: ignore[union-attr]
        await until(upstream, lambda: upstream.state is State.BACKOFF)
        await reaches(upstream, State.DEGRADED)
        assert [item.key for item in upstream.catalog.tools] == ["echo"]


async def test_a_session_that_ends_after_a_healthy_life_is_opened_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff, "HEALTHY_AFTER", 0.0)
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


async def test_five_starts_within_ten_seconds_are_the_last_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.001)
    server = ScriptedServer(LEGACY, refusals={("http", "server/discover"): DOWN})
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.FAILED)
        assert len(server.wires) == 5
        assert [(found.reason, found.code) for found in upstream.exits] == [(DOWN.message, None)] * 5
        assert upstream.next_attempt is not None
        assert 59 < upstream.next_attempt <= 60
        with pytest.raises(UpstreamError, match=r"is down\. It is tried again in 60 s"):
            await upstream.acquire(LEGACY)


async def test_a_failed_server_is_tried_once_at_a_time_until_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "PROBE", 0.01)
    refused = HttpRefusal(Kind.UNREACHABLE, "no", status=401)
    server = ScriptedServer(LEGACY, refusals={("http", "server/discover"): refused})
    async with supervised(server) as (upstream, _):
        await until(upstream, lambda: upstream.state is State.STARTING and len(server.wires) == 3)
        with pytest.raises(UpstreamError):
            await upstream.acquire(LEGACY)
        server.refusals.clear()
        await reaches(upstream, State.READY)


async def test_a_lost_session_is_opened_again_at_once_and_once_for_all_who_call() -> None:
    server = ScriptedServer(LEGACY)
    async with supervised(server, era="legacy") as (upstream, _):
        await reaches(upstream, State.READY)
        server.wires[-1].receiver.closed(SessionLost(Kind.CLOSED, "gone"))  # type: ignore[union-attr]
        leases = []

        async def call() -> None:
            leases.append(await upstream.acquire(LEGACY))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(call)
        assert len({id(lease.connection) for lease in leases}) == 1
        assert len(server.wires) == 2


async def test_failing_requests_open_the_circuit_and_one_answer_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.05)
    server = ScriptedServer(LEGACY)
    async with supervised(server, era="legacy") as (upstream, _):
        await reaches(upstream, State.READY)
        receiver = server.wires[-1].receiver
        assert receiver is not None
        for request_id in (101, 102, 103):
            receiver.failed(request_id, DOWN)
        await reaches(upstream, State.BACKOFF)
        assert upstream.acquire_nowait(LEGACY) is None
        await reaches(upstream, State.READY)
        assert len(server.wires) == 1, "the session stayed"
        server.refusals["http", "ping"] = DOWN
        receiver.failed(104, HttpRefusal(Kind.BUSY, "slow down", status=429, retry_after=0.2))
        await reaches(upstream, State.BACKOFF)
        assert upstream.next_attempt is not None
        assert upstream.next_attempt > 0.1
        await until(upstream, lambda: len(server.wires) == 2 and upstream.state is State.READY)


async def test_a_server_that_answers_no_health_check_is_degraded_at_the_third_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.06)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (0.02,))
    server = ScriptedServer(LEGACY)
    async with supervised(server, era="legacy") as (upstream, _):
        await reaches(upstream, State.READY)
        seen: list[tuple[State, int]] = []
        upstream.add_listener(lambda one: seen.append((one.state, pings(server))))
        server.silent = {"ping"}
        await reaches(upstream, State.BACKOFF)
        assert seen[0] == (State.DEGRADED, 3)
        assert "3 health checks" in upstream.reason
        server.silent = set()
        await reaches(upstream, State.READY)


def pings(server: ScriptedServer) -> int:
    return [message["method"] for message in server.wires[0].messages].count("ping")


async def test_a_server_that_may_be_busy_is_degraded_and_kept_while_its_call_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.06)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (0.02,))
    server = ScriptedServer(LEGACY)
    async with supervised(server, era="legacy") as (upstream, _):
        await reaches(upstream, State.READY)
        server.silent = {"ping", "tools/call"}
        lease = await upstream.acquire(LEGACY)
        call = lease.send(Request("tools/call", {}, {}), lambda _: None)
        await reaches(upstream, State.DEGRADED)
        assert "while it works on a call" in upstream.reason
        assert not lease.connection.fault
        lease.cancel(call, "its time is over")
        await reaches(upstream, State.BACKOFF)
        assert len(server.wires) == 1


async def test_tools_are_listed_from_the_last_run_before_the_server_answers(tmp_path: Path) -> None:
    async with supervised(ScriptedServer(LEGACY), data=tmp_path) as (upstream, _):
        await reaches(upstream, State.READY)
    hanging = ScriptedServer(LEGACY)
    hanging.silent = {"initialize"}
    async with supervised(hanging, data=tmp_path, era="legacy") as (upstream, _):
        assert upstream.catalog is None, "another entry is another server"
    hanging.silent = {"server/discover"}
    async with supervised(hanging, data=tmp_path) as (upstream, _):
        assert upstream.state is State.STARTING
        assert upstream.catalog is not None
        assert [item.key for item in upstream.catalog.tools] == ["echo"]
        assert not upstream.unlisted


async def test_a_sudden_nothing_keeps_the_old_lists_until_it_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(LEGACY)
    async with supervised(server) as (upstream, _):
        await reaches(upstream, State.READY)
        server.tools.clear()
        upstream.relist_wanted.set()
        await reaches(upstream, State.DEGRADED)
        assert "lists nothing" in upstream.reason
        assert upstream.catalog is not None
        assert upstream.catalog.tools
        await lease_of(upstream, LEGACY)
        monkeypatch.setattr(keeping, "CONFIRM_AFTER", 0.0)
        upstream.relist_wanted.set()
        await reaches(upstream, State.READY)
        assert not upstream.catalog.tools


async def test_a_lazy_server_rests_until_it_is_called_and_again_when_idle(tmp_path: Path) -> None:
    server = ScriptedServer(LEGACY)
    lazy: dict[str, Any] = {"start": "lazy", "idle_timeout": 0.05, "era": "legacy", "data": tmp_path}
    async with supervised(server, **lazy) as (upstream, _):
        await until(upstream, lambda: upstream.resting)
        assert len(server.wires) == 1, "the first start ever lists"
        assert (upstream.state, upstream.reason) == (State.STOPPED, "")
    async with supervised(server, **lazy) as (upstream, _):
        await until(upstream, lambda: upstream.resting)
        assert len(server.wires) == 1, "what is known need not be asked"
        assert upstream.catalog is not None
        assert (await lease_of(upstream, LEGACY)).era is LEGACY
        await until(upstream, lambda: upstream.resting)
