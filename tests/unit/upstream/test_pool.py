from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Failed, Request
from app.upstream import pool as pools
from app.upstream.errors import UpstreamError
from app.upstream.opening import Opener
from app.upstream.pool import Pool
from tests.support.recorded import RecordedWire, ScriptedServer

LEGACY, MODERN = Era.LEGACY, Era.MODERN


@asynccontextmanager
async def pooled(
    server: ScriptedServer, mode: Any = "auto", kind: Any = "http", told: Callable[[bool], None] = lambda _: None
) -> AsyncIterator[Pool]:
    spec = ServerSpec(name="files", label="Files", kind=kind, prefix="files", pool=mode)
    opener = Opener(spec, server.makes)
    async with anyio.create_task_group() as tasks:
        pool = Pool(spec, opener, await opener.first(None), tasks, on_other_era=told)
        tasks.start_soon(pool.sweep)
        yield pool
        tasks.cancel_scope.cancel()
    await pool.close()
    assert all(wire.closes for wire in server.wires)


async def test_a_shared_session_serves_everybody_with_one_lease() -> None:
    server = ScriptedServer(MODERN, LEGACY)
    async with pooled(server) as pool:
        lease = pool.ready(MODERN, "a")
        assert lease is not None
        assert lease is pool.ready(MODERN, "b")
        lease.release()
        lease.release()
        assert await pool.acquire(MODERN, "c") is lease
        assert len(server.opened) == 1


async def test_the_other_era_is_opened_when_it_is_first_wanted_and_kept() -> None:
    server, told = ScriptedServer(MODERN, LEGACY), []
    async with pooled(server, told=told.append) as pool:
        assert pool.ready(LEGACY, "") is None
        lease = await pool.acquire(LEGACY, "")
        assert lease.era is LEGACY
        assert pool.ready(LEGACY, "") is lease
        assert told == [True]


async def test_a_server_without_the_other_era_serves_all_in_its_own() -> None:
    server, told = ScriptedServer(MODERN), []
    async with pooled(server, told=told.append) as pool:
        assert (await pool.acquire(LEGACY, "")).era is MODERN
        assert pool.ready(LEGACY, "") is not None, "found out once"
        assert told == [False]


async def test_trouble_in_an_era_nobody_knows_of_is_no_trouble_for_the_caller() -> None:
    down = Fault(Kind.UNREACHABLE, "down")
    async with pooled(ScriptedServer(MODERN, LEGACY, refusals={("http", "initialize"): down})) as pool:
        assert (await pool.acquire(LEGACY, "")).era is MODERN


async def test_one_means_one() -> None:
    server = ScriptedServer(MODERN, LEGACY)
    async with pooled(server, "one") as pool:
        assert (await pool.acquire(LEGACY, "a")).era is MODERN
        assert len(server.opened) == 1


async def test_keys_have_sessions_of_their_own_which_wait_for_their_users() -> None:
    server = ScriptedServer(LEGACY)
    async with pooled(server, "session") as pool:
        one, two = await pool.acquire(LEGACY, "1"), await pool.acquire(LEGACY, "2")
        assert one.connection is not two.connection
        again = pool.ready(LEGACY, "1")
        assert again is not None
        assert again.connection is one.connection
        assert again is not one


async def test_idle_sessions_are_closed_and_used_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.12)
    server = ScriptedServer(LEGACY)
    async with pooled(server, "client") as pool:
        used, idle = await pool.acquire(LEGACY, "used"), await pool.acquire(LEGACY, "idle")
        idle.release()
        with anyio.fail_after(30):
            while (lease := pool.ready(LEGACY, "idle")) is not None:
                lease.release()
                await anyio.sleep(0.2)
        assert pool.ready(LEGACY, "used") is not None
        assert not used.connection.fault
        await anyio.wait_all_tasks_blocked()
        assert idle.connection.fault, "or its health checks go on, and their failures are the server's"


async def test_a_session_that_ends_while_another_is_closed_for_idleness_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.12)
    server = ScriptedServer(LEGACY)
    async with pooled(server, "client") as pool:
        first, second = await pool.acquire(LEGACY, "first"), await pool.acquire(LEGACY, "second")
        closed = anyio.Event()
        wire = first.connection.transport
        assert isinstance(wire, RecordedWire)
        close = wire.close

        async def slow() -> None:
            await close()
            second.connection.closed(Fault(Kind.CLOSED, "gone"))
            await anyio.wait_all_tasks_blocked()
            closed.set()

        monkeypatch.setattr(wire, "close", slow)
        first.release()
        second.release()
        with anyio.fail_after(30):
            await closed.wait()
            await anyio.wait_all_tasks_blocked()
        assert (await pool.acquire(LEGACY, "second")).connection is not second.connection


async def test_the_idlest_session_makes_room_and_none_idle_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MAX_SESSIONS", 2)
    async with pooled(ScriptedServer(LEGACY), "client") as pool:
        (await pool.acquire(LEGACY, "a")).release()
        await pool.acquire(LEGACY, "b")
        await pool.acquire(LEGACY, "c")
        assert pool.ready(LEGACY, "a") is None
        with pytest.raises(UpstreamError) as caught:
            await pool.acquire(LEGACY, "d")
        assert caught.value.fault.kind is Kind.BUSY


async def test_sessions_that_are_opened_at_once_are_no_more_than_may_be_and_one_that_makes_room_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "MAX_SESSIONS", 3)
    server = ScriptedServer(LEGACY)
    async with pooled(server, "session") as pool:
        idle = await pool.acquire(LEGACY, "idle")
        idle.release()
        busy: list[Kind] = []

        async def acquire(key: str) -> None:
            try:
                await pool.acquire(LEGACY, key)
            except UpstreamError as error:
                busy.append(error.fault.kind)

        async with anyio.create_task_group() as tasks:
            for number in range(6):
                tasks.start_soon(acquire, str(number))
        assert busy == [Kind.BUSY] * 3
        assert len([wire for wire in server.wires if not wire.closes]) == 1 + 3, "the one that lists is not counted"
        assert idle.connection.fault


async def test_a_further_session_that_is_never_opened_is_given_up_and_tried_again_at_the_next_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "STARTUP", 0.1)
    server = ScriptedServer(LEGACY)
    async with pooled(server, "client") as pool:
        server.silent.add("initialize")
        with anyio.fail_after(30), pytest.raises(UpstreamError) as caught:
            await pool.acquire(LEGACY, "k")
        assert caught.value.fault.kind is Kind.TIMEOUT
        assert not pool.busy
        server.silent.clear()
        assert await pool.acquire(LEGACY, "k")


async def test_who_waits_for_one_session_shares_its_opening_and_survives_the_first_to_give_up() -> None:
    server = ScriptedServer(LEGACY)
    async with pooled(server, "client") as pool:
        got: list[object] = []

        async def acquire(scope: anyio.CancelScope) -> None:
            with scope:
                got.append((await pool.acquire(LEGACY, "k")).connection)

        scopes = [anyio.CancelScope() for _ in range(3)]
        async with anyio.create_task_group() as tasks:
            for scope in scopes:
                tasks.start_soon(acquire, scope)
            await anyio.wait_all_tasks_blocked()
            scopes[0].cancel()
        assert len(got) in {2, 3}
        assert len(set(map(id, got))) == 1
        assert [era for _, era in server.opened].count(LEGACY) == 2, "the first session, and one for the key"


async def test_a_session_that_ended_is_replaced_at_the_next_call() -> None:
    async with pooled(ScriptedServer(LEGACY), "client") as pool:
        lease = await pool.acquire(LEGACY, "k")
        lease.connection.closed(Fault(Kind.CLOSED, "gone"))
        assert pool.ready(LEGACY, "k") is None
        assert (await pool.acquire(LEGACY, "k")).connection is not lease.connection


async def test_a_pool_that_closes_leaves_no_call_waiting_and_knows_while_one_does() -> None:
    server = ScriptedServer(LEGACY)
    events: list[object] = []
    async with pooled(server) as pool:
        lease = pool.ready(LEGACY, "")
        assert lease is not None
        assert not pool.busy
        server.silent = {"tools/call"}
        lease.send(Request("tools/call", {}, {}), events.append)
        assert pool.busy
    [event] = events
    assert isinstance(event, Failed)
    assert event.fault.message == "Server 'files' was stopped."
