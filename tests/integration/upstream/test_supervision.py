"""How servers are kept alive, and what is known of them meanwhile (RELIABILITY.md F01, F02, F17, F41 to F46)."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path

import pytest

from app.config.snapshot import Limits, ServerSpec
from app.gateway.driver import Driver
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Detached, Request, Result
from app.upstream import backoff, heartbeat, keeping
from app.upstream.errors import UpstreamError
from app.upstream.leases import Lease
from app.upstream.upstream import State, Upstream
from tests.support.http_wires import remote, seen, wayward_http
from tests.support.pace import within
from tests.support.upstreams import ask, fails, gone, lease_of, raw, reaches, running, start, until, wayward
from tests.unit.gateway.conftest import PlayedClient


@pytest.fixture
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


def refuses_at_once(server: Upstream) -> Fault:
    """The fault of a call that is refused before it waits for anything at all."""
    coroutine = server.acquire(Era.LEGACY)
    with pytest.raises(UpstreamError) as caught:
        coroutine.send(None)
    return caught.value.fault


async def drive(server: Upstream, tool: str, **arguments: object) -> object:
    """The outcome of a call as a client gets it."""
    client = PlayedClient(Detached())
    request = Request("tools/call", {"name": raw(tool), "arguments": raw(arguments)}, {})
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
        await Driver(tasks, server, Era.LEGACY, "", (20.0, 20.0)).run(request, client)
    [outcome] = client.outcomes
    return outcome


async def test_a_server_that_keeps_dying_is_started_five_times_and_then_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.01)
    tally = tmp_path / "tally"
    spec = ServerSpec(
        "dying", "dying", "stdio", "dying", command="/bin/sh", args=("-c", f"echo -n x >>{tally}; exit 7")
    )
    async with running(spec, wayward()) as [server, other]:
        await reaches(server, State.FAILED)
        assert tally.read_bytes() == b"xxxxx"
        assert [one.code for one in server.exits] == [7] * 5
        fault = refuses_at_once(server)
        assert "exited with code 7" in fault.message
        assert fault.retry_after is not None
        assert 55 < fault.retry_after <= 75
        assert await ask(await lease_of(other), "echo") == "{}"


async def test_a_failed_server_that_was_repaired_serves_after_the_next_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "PROBE", 0.1)
    program = tmp_path / "server"
    async with running(wayward(command=str(program))) as [server]:
        await reaches(server, State.FAILED)
        program.symlink_to(sys.executable)
        assert await ask(await patient_lease(server), "echo") == "{}"


async def patient_lease(server: Upstream) -> Lease:
    await reaches(server, State.READY)
    return await lease_of(server)


async def test_a_server_that_stands_still_is_degraded_at_the_third_miss_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.3)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (0.2,))
    async with running(wayward()) as [server]:
        pid = json.loads(await ask(await lease_of(server), "descriptors"))["pid"]
        states: list[State] = []
        server.add_listener(lambda one: states.append(one.state))
        os.kill(pid, signal.SIGSTOP)
        await reaches(server, State.BACKOFF)
        assert states[0] is State.DEGRADED
        assert "3 health checks" in server.reason
        assert json.loads(await ask(await patient_lease(server), "descriptors"))["pid"] != pid


async def test_a_server_that_does_one_thing_at_a_time_keeps_the_call_that_its_timeout_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.2)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (0.5,))
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        busy = start(lease, "allocate", mb=1, hold=4)
        await reaches(server, State.DEGRADED)
        assert "while it works on a call" in server.reason
        assert isinstance(await busy.outcome(), Result)
        await reaches(server, State.READY)
        assert lease.connection.fault is None


async def test_every_session_of_a_pool_is_watched_and_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.3)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (1.0,))
    async with running(wayward(pool="client")) as [server]:
        await reaches(server, State.READY)
        leases = {name: await lease_of(server, key=name) for name in ("ann", "ben")}
        pids = {name: json.loads(await ask(lease, "descriptors"))["pid"] for name, lease in leases.items()}
        os.kill(pids["ann"], signal.SIGSTOP)
        await gone(pids["ann"])
        assert server.state is State.READY
        lease = await lease_of(server, key="ann")
        assert json.loads(await ask(lease, "descriptors"))["pid"] != pids["ann"]
        assert json.loads(await ask(leases["ben"], "descriptors"))["pid"] == pids["ben"]


async def test_tools_are_listed_from_the_first_moment_after_a_restart_and_also_if_the_server_is_gone(
    tmp_path: Path,
) -> None:
    program = tmp_path / "server"
    program.symlink_to(sys.executable)
    spec = wayward(command=str(program))
    async with running(spec, data_directory=tmp_path) as [server]:
        await reaches(server, State.READY)
        assert server.catalog is not None
        listed = server.catalog
    program.unlink()
    async with running(spec, data_directory=tmp_path) as [server]:
        assert server.catalog == listed
        assert not server.unlisted
        await reaches(server, State.FAILED)
        assert server.catalog == listed
        assert "command was not found" in refuses_at_once(server).message


async def test_a_server_that_suddenly_lists_nothing_keeps_its_tools_until_it_says_so_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "CONFIRM_AFTER", 1.0)
    async with running(wayward()) as [server]:
        await ask(await lease_of(server), "empty")
        await reaches(server, State.DEGRADED)
        assert server.catalog is not None
        assert len(server.catalog.tools) > 10
        assert "lists nothing" in server.reason
        await until(server, lambda: server.state is State.READY)
        assert server.catalog.tools == ()


async def test_a_lazy_server_starts_with_its_first_call_and_stops_when_idle(tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    spec = wayward("lazy", "--tally", str(tally), start="lazy", idle_timeout=0.5)
    async with running(spec, data_directory=tmp_path) as [server]:
        await until(server, lambda: server.resting)
        assert tally.read_bytes() == b"x", "it is started once, to learn its tools"
    async with running(spec, data_directory=tmp_path) as [server]:
        await until(server, lambda: server.resting)
        assert tally.read_bytes() == b"x"
        assert server.catalog is not None
        outcomes = await gathered(drive(server, "echo", n=n) for n in range(8))
        assert all(isinstance(outcome, Result) for outcome in outcomes)
        assert tally.read_bytes() == b"xx", "one start for all who call"
        await until(server, lambda: server.resting)
        assert isinstance(await drive(server, "echo"), Result)


async def gathered(calls: Iterable[Awaitable[object]]) -> list[object]:
    return list(await asyncio.gather(*calls))


async def test_a_call_lost_with_its_server_is_repeated_where_it_only_reads(tmp_path: Path) -> None:
    async with running(wayward()) as [server]:
        await lease_of(server)
        outcome = await drive(server, "die_once_reading", path=str(tmp_path / "one"))
        assert isinstance(outcome, Result), outcome
        assert b"survived" in bytes(outcome.raw)
        await reaches(server, State.READY)
        outcome = await drive(server, "die_once", path=str(tmp_path / "two"))
        assert isinstance(outcome, Fault)
        assert "exited with code 3" in outcome.message
        assert "Whether the call was carried out is unknown" in outcome.message


async def test_refused_credentials_park_a_remote_server_and_calls_fail_at_once(origin: str) -> None:
    async with running(remote(f"{origin}/status/401")) as [server]:
        await reaches(server, State.FAILED)
        fault = refuses_at_once(server)
        assert (fault.kind, fault.server) == (Kind.UNREACHABLE, "far")
        assert "refused the gateway's credentials (HTTP 401)" in fault.message
        assert server.next_attempt is not None
        assert server.next_attempt > 55


async def test_retry_after_is_honoured(origin: str) -> None:
    async with running(remote(f"{origin}/status/503?retry-after=40")) as [server]:
        await reaches(server, State.BACKOFF)
        assert server.next_attempt is not None
        assert 35 < server.next_attempt <= 40


async def test_a_host_that_does_not_exist_is_named_within_five_seconds() -> None:
    async with running(remote("http://nowhere.invalid/mcp")) as [server]:
        with within(5):
            await reaches(server, State.BACKOFF)
        assert "does not resolve" in server.reason or "in time" in server.reason


async def test_a_forgotten_session_is_opened_once_for_all_who_call_and_their_calls_are_answered(origin: str) -> None:
    async with running(remote(f"{origin}/json")) as [server]:
        await ask(await lease_of(server), "forget")
        outcomes = await gathered(drive(server, "echo") for _ in range(8))
        assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
        bodies = [asked["body"] for asked in (await seen(origin))["seen"]]
        assert sum('"initialize"' in body for body in bodies) == 2


async def test_a_remote_server_whose_calls_fail_opens_the_circuit_and_an_answer_closes_it(origin: str) -> None:
    async with running(remote(f"{origin}/modern")) as [server]:
        await reaches(server, State.READY)
        lease = await lease_of(server, Era.MODERN)
        for _ in range(3):
            assert (await fails(lease, "cut")).kind is Kind.CLOSED
        await until(server, lambda: server.state is State.BACKOFF)
        refuses_at_once(server)
        await until(server, lambda: server.state is State.READY)
        assert isinstance(await drive(server, "echo"), Result)


async def test_a_server_over_its_memory_limit_is_ended_and_nobody_else() -> None:
    limited = wayward("limited", limits=Limits(memory=150 << 20))
    async with running(limited, wayward()) as [server, other]:
        assert await ask(await lease_of(server), "allocate", mb=20) == "20"
        fault = await fails(await lease_of(server), "allocate", mb=300, hold=20)
        assert "over its limit of 150 MB" in fault.message
        assert await ask(await lease_of(other), "allocate", mb=300) == "300"
        assert await ask(await patient_lease(server), "echo") == "{}"


async def test_a_server_over_its_process_limit_is_ended_with_all_of_them() -> None:
    async with running(wayward(limits=Limits(processes=5))) as [server]:
        call = start(await lease_of(server), "multiply", times=8)
        await reaches(server, State.BACKOFF)
        assert "over its limit of 5" in server.reason
        outcome = await call.outcome()
        assert isinstance(outcome, Result), outcome
        await gone(*json.loads(json.loads(bytes(outcome.raw))["content"][0]["text"]))
