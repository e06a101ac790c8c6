"""Sessions that are lent to one client at a time."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Request
from app.upstream import interactive as module
from app.upstream.connection import Connection
from app.upstream.errors import UpstreamError
from app.upstream.interactive import MOST, Interactive
from app.upstream.leases import Asker, Lease, Session
from app.upstream.negotiated import Negotiated
from app.upstream.opening import Opened
from tests.support.recorded import RecordedWire

FORM, ROOTED = b'{"elicitation":{}}', b'{"elicitation":{},"roots":{}}'
STOPPED = Fault(Kind.CLOSED, "stopped", "files")
DOWN = Fault(Kind.UNREACHABLE, "down", "files")


def ann(capabilities: bytes = FORM) -> Asker:
    return Asker("ann", capabilities)


def bob(capabilities: bytes = FORM) -> Asker:
    return Asker("bob", capabilities)


def call_of(client: str) -> Asker:
    return Asker(client, FORM, alone=True)


@dataclass
class Scene:
    tasks: anyio.abc.TaskGroup
    opened: list[bytes] = field(default_factory=list)
    closed: list[Session] = field(default_factory=list)
    fault: Fault | None = None

    def __post_init__(self) -> None:
        self.interactive = Interactive(self._open, self._close, self.tasks, self._heard, STOPPED)

    async def _open(self, capabilities: bytes) -> Opened:
        self.opened.append(capabilities)
        await anyio.lowlevel.checkpoint()
        if self.fault:
            raise UpstreamError(self.fault)
        wire = RecordedWire()
        connection = wire.receiver = Connection(wire, "files")
        connection.adopt(Era.LEGACY, "2025-11-25")
        return Opened(connection, Negotiated(Era.LEGACY, "2025-11-25"), False)

    async def _close(self, session: Session) -> None:
        self.closed.append(session)

    def _heard(self, session: Session, ended: object) -> None:
        session.connection.listen(lambda _: None, lambda _: ended())  # type: ignore[operator]

    async def lease(self, asker: Asker) -> Lease:
        with anyio.fail_after(30):
            return await self.interactive.acquire(asker)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with anyio.create_task_group() as tasks:
        yield Scene(tasks)
        tasks.cancel_scope.cancel()


async def test_a_client_has_a_session_to_itself_for_all_its_calls_and_it_is_lent_on_after_them() -> None:
    async with scene() as play:
        one, two = await play.lease(ann()), await play.lease(ann())
        other = await play.lease(bob())
        assert one.connection is two.connection is not other.connection
        one.release()
        two.release()
        again = await play.lease(Asker("eve", FORM))
        assert again.connection is one.connection
        assert play.opened == [FORM, FORM]


async def test_a_client_gets_back_the_session_it_had() -> None:
    async with scene() as play:
        one, two = await play.lease(ann()), await play.lease(bob())
        one.release()
        two.release()
        assert (await play.lease(bob())).connection is two.connection


async def test_calls_that_may_be_different_peoples_have_a_session_each() -> None:
    async with scene() as play:
        leases = [await play.lease(call_of("ann")) for _ in range(3)]
        assert len({id(lease.connection) for lease in leases}) == 3


async def test_a_session_declares_exactly_what_its_client_can_do() -> None:
    async with scene() as play:
        (await play.lease(ann(FORM))).release()
        await play.lease(ann(ROOTED))
        assert play.opened == [FORM, ROOTED]


async def test_a_session_that_knows_ones_folders_is_lent_to_nobody_else() -> None:
    async with scene() as play:
        one = await play.lease(ann(ROOTED))
        one.release()
        assert (await play.lease(bob(ROOTED))).connection is not one.connection
        assert (await play.lease(ann(ROOTED))).connection is one.connection


async def test_a_session_that_may_be_at_what_one_cancelled_is_lent_to_nobody_else_until_that_is_answered() -> None:
    async with scene() as play:
        for asker in (ann(), call_of("ann")):
            one = await play.lease(asker)
            number = one.send(Request("tools/call", {}, {}), lambda _: None)
            one.cancel(number, "the client left")
            one.release()
            other = await play.lease(call_of("ann") if asker.alone else bob())
            assert other.connection is not one.connection
            other.release()
            assert asker.alone or (await play.lease(ann())).connection is one.connection
            one.connection.received(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % number)
            assert not one.connection.cancelled


async def test_there_are_so_many_and_whoever_comes_then_waits_for_one() -> None:
    async with scene() as play:
        leases = [await play.lease(Asker(f"client {number}", FORM)) for number in range(MOST)]
        got: list[Lease] = []

        async def wait() -> None:
            got.append(await play.interactive.acquire(bob()))

        play.tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert (got, len(play.opened)) == ([], MOST)
        leases[2].release()
        await anyio.wait_all_tasks_blocked()
        assert got[0].connection is leases[2].connection


async def test_an_idle_one_that_does_not_fit_makes_room() -> None:
    async with scene() as play:
        leases = [await play.lease(Asker(f"client {number}", FORM)) for number in range(MOST)]
        leases[0].release()
        await play.lease(bob(ROOTED))
        assert play.opened[-1] == ROOTED
        await anyio.wait_all_tasks_blocked()
        assert [session.connection for session in play.closed] == [leases[0].connection]


async def test_further_calls_of_one_client_share_when_there_is_no_room() -> None:
    async with scene() as play:
        leases = [await play.lease(call_of("ann")) for _ in range(MOST + 2)]
        assert len({id(lease.connection) for lease in leases}) == MOST
        assert play.interactive.busy


async def test_idle_ones_end_and_used_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE", 0.12)
    async with scene() as play:
        play.tasks.start_soon(play.interactive.sweep)
        used, idle = await play.lease(ann()), await play.lease(bob())
        idle.release()
        with anyio.fail_after(30):
            while not play.closed:  # noqa: ASYNC110 - the clock tells
                await anyio.sleep(0.01)
        assert [session.connection for session in play.interactive.sessions] == [used.connection]


async def test_one_that_ended_by_itself_is_lent_no_more() -> None:
    async with scene() as play:
        lease = await play.lease(ann())
        lease.connection.closed(DOWN)
        assert play.interactive.ready(ann()) is None
        assert (await play.lease(ann())).connection is not lease.connection


async def test_a_session_that_cannot_be_opened_is_a_fault_and_takes_no_room() -> None:
    async with scene() as play:
        play.fault = DOWN
        for _ in range(MOST + 1):
            with pytest.raises(UpstreamError, match="down"):
                await play.lease(ann())
        assert not play.interactive.busy


async def test_whoever_waits_when_the_server_stops_is_told() -> None:
    async with scene() as play:
        for number in range(MOST):
            await play.lease(Asker(f"client {number}", FORM))
        told: list[Fault] = []

        async def wait() -> None:
            try:
                await play.interactive.acquire(bob())
            except UpstreamError as error:
                told.append(error.fault)

        play.tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        play.interactive.stop()
        await anyio.wait_all_tasks_blocked()
        assert told == [STOPPED]


async def test_what_a_client_left_unanswered_gives_way_at_once_to_another_call_of_its_own() -> None:
    async with scene() as play:
        leases = [await play.lease(call_of("ann")) for _ in range(MOST)]
        for lease in leases:
            lease.asks_since, lease.give_way = time.monotonic(), lease.release
        found = await play.lease(Asker("ann", ROOTED, alone=True))
        assert found.connection not in [lease.connection for lease in leases]
        assert len(play.interactive.sessions) == MOST


async def test_who_thinks_for_too_long_gives_way_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.12)
    async with scene() as play:
        leases = [await play.lease(Asker(f"client {number}", FORM)) for number in range(MOST)]
        for at, lease in enumerate(leases[:2]):
            lease.asks_since = time.monotonic() + 600.0 * (1 - at)  # the first has time left, the second none
            lease.give_way = lease.release
        found = await play.lease(bob())
        assert found.connection is leases[1].connection
