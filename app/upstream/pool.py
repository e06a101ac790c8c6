"""The sessions of one running upstream, and who may use which: a contract about state, as in pgbouncer.

Runs only while its server is READY; the supervisor owns the task group. Theory of operation: `ready` decides at once
and without effects, `acquire` awaits what is missing. Shared sessions (`auto`, `one`) are one per era, and a lease of
one is a constant. With `client` and `session` there is one session per era and key; the first one is for listing alone.
A client that can be asked questions borrows, of `auto`, one of the sessions beside these (`interactive.py`).
"""

import logging
import time
from collections.abc import Callable
from functools import partial

import anyio
import anyio.abc

from app.config.snapshot import MAX_SESSIONS, ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.upstream import heartbeat
from app.upstream.connection import Connection
from app.upstream.errors import EraRefused, UpstreamError
from app.upstream.interactive import Interactive
from app.upstream.leases import Asker, Lease, Session
from app.upstream.opening import NOTHING, Opened, Opener

log = logging.getLogger("app.upstream")

IDLE_SECONDS = 60.0
# The handshake of a further session.
STARTUP = 30.0

Slot = tuple[Era, str]


class Pool:
    """See the module. `tasks` must outlive no session: cancel it, then `close`."""

    def __init__(
        self,
        spec: ServerSpec,
        opener: Opener,
        first: Opened,
        tasks: anyio.abc.TaskGroup,
        *,
        on_other_era: Callable[[bool], None] = lambda _: None,
        on_changed: Callable[[str], None] = lambda _: None,
        on_failed: Callable[[Fault, int], None] | None = None,
    ) -> None:
        self._spec = spec
        self._opener = opener
        self._tasks = tasks
        self._on_other_era = on_other_era
        self._on_changed = on_changed
        self._on_failed = on_failed
        self._first = Session(first)
        self._era = first.negotiated.era
        self._dedicated = spec.pool in {"client", "session"}
        self._has: dict[Era, bool | None] = dict.fromkeys(Era, first.other)
        self._has[self._era] = True
        if spec.pool == "one":
            self._has[_other(self._era)] = False
        self._sessions: dict[Slot, Session] = {} if self._dedicated else {(self._era, ""): self._first}
        self._opening: dict[Slot, _Opening] = {}
        self._interactive = Interactive(
            partial(self._another, Era.LEGACY),
            self._close,
            tasks,
            self._heard,
            _fault(spec, Kind.CLOSED, "was stopped"),
        )

    def __repr__(self) -> str:
        return f"<Pool {self._spec.name} {self._spec.pool} {[s.connection for s in self._sessions.values()]}>"

    def roots_changed(self, owner: str) -> None:
        """The folders of this client are others now: servers that were told of them in its session hear so."""
        for session in (*self._interactive.sessions, *self._sessions.values()):
            if session.owner == owner and "roots" in (members_of(session.capabilities) or {}):
                session.connection.notify("notifications/roots/list_changed")

    def era_for(self, era: Era) -> Era:
        """The era that a client of `era` is served in: its own where the server has it, or may have it."""
        return self._era if self._has[era] is False else era

    def ready(self, era: Era, key: str, asker: Asker | None = None) -> Lease | None:
        """A lease without waiting; None when a session must be opened first."""
        if asker is not None and self._borrows(era):
            return self._interactive.ready(asker)
        session = self._sessions.get((self.era_for(era), key if self._dedicated else ""))
        if session is None or session.connection.fault:
            return None
        return session.lease(asker) if self._dedicated else session.shared_lease

    async def acquire(self, era: Era, key: str, asker: Asker | None = None) -> Lease:
        """A lease, opening a session if there is none. Raises `UpstreamError`."""
        while True:
            lease = self.ready(era, key, asker)
            if lease:
                return lease
            if asker is not None and self._borrows(era):
                return await self._interactive.acquire(asker)
            slot = (self.era_for(era), key if self._dedicated else "")
            opening = self._opening.get(slot)
            if opening is None:
                opening = self._opening[slot] = _Opening()
                # In a task of the pool's: whoever asked first may give up, and others wait for the same session.
                self._tasks.start_soon(self._open, slot, opening, asker.capabilities if asker else NOTHING)
            await opening.done.wait()
            if opening.error:
                raise opening.error

    @property
    def busy(self) -> bool:
        """Whether a call is under way or a session of its own is in somebody's hands."""
        sessions = (self._first, *self._sessions.values())
        return (
            bool(self._opening)
            or self._interactive.busy
            or any(session.users or session.connection.pending for session in sessions)
        )

    async def sweep(self) -> None:
        """Close what has been idle too long; runs as a task."""
        if not self._dedicated:
            await self._interactive.sweep()
        while True:
            await anyio.sleep(IDLE_SECONDS / 12)
            before = time.monotonic() - IDLE_SECONDS
            for slot, session in list(self._sessions.items()):
                if session.idle(before):
                    del self._sessions[slot]
                    self._tasks.start_soon(self._close, session)

    async def close(self) -> None:
        """End every session, all at once. Bounded by what a transport's close may take."""
        self._interactive.stop()
        open_now = (self._first, *self._sessions.values(), *self._interactive.sessions)
        sessions = {id(session): session for session in open_now}
        self._sessions.clear()
        async with anyio.create_task_group() as closing:
            for session in sessions.values():
                closing.start_soon(self._close, session)

    async def _open(self, slot: Slot, opening: "_Opening", capabilities: bytes) -> None:
        era, _ = slot
        # What everybody shares declares nothing, and a modern session has nothing of its own to declare.
        declared = capabilities if self._dedicated and era is Era.LEGACY else NOTHING
        try:
            await self._make_room()
            opened = await self._another(era, declared)
        except EraRefused as refused:
            if era is self._era:
                opening.error = refused
            else:
                log.info("server=%s has no %s era: %s", self._spec.name, era.value, refused.fault.message)
                self._settle_other(False)
        except UpstreamError as error:
            if era is self._era or self._has[era]:
                opening.error = error
            else:
                # Nobody knows that it has this era, and the one that works serves everybody.
                self._has[era] = False
        else:
            self._sessions[slot] = session = Session(opened, declared)
            opened.connection.listen(self._on_changed, lambda _: self._ended(slot, session), self._on_failed)
            self._tasks.start_soon(self._watch, session.connection)
            if era is not self._era:
                self._settle_other(True)
        finally:
            del self._opening[slot]
            if not opening.error and self._tasks.cancel_scope.cancel_called:
                opening.error = UpstreamError(_fault(self._spec, Kind.CLOSED, "was stopped"))
            opening.done.set()

    def _borrows(self, era: Era) -> bool:
        """Whether who can be asked needs a session of its own: a modern server's questions are answers to the call."""
        return self._spec.pool == "auto" and self._has[Era.LEGACY] is True and self.era_for(era) is Era.LEGACY

    async def _another(self, era: Era, capabilities: bytes) -> Opened:
        limit = self._spec.startup_timeout or STARTUP
        try:
            with anyio.fail_after(limit):
                return await self._opener.another(era, self._first.opened.sse, capabilities)
        except TimeoutError:
            late = f"did not complete its handshake within {limit:g} s"
            raise UpstreamError(_fault(self._spec, Kind.TIMEOUT, late)) from None

    def _heard(self, session: Session, ended: Callable[[], None]) -> None:
        session.connection.listen(self._on_changed, lambda _: ended(), self._on_failed)
        self._tasks.start_soon(self._watch, session.connection)

    async def _watch(self, connection: Connection) -> None:
        """Health checks of a session beside the first: it ends alone, and the next call opens another."""
        fault = await heartbeat.watch(connection, lambda _: None)
        if fault:
            log.warning("server=%s one of its sessions ends: %s", self._spec.name, fault.message)
            connection.ending(fault)

    def _settle_other(self, has: bool) -> None:
        other = _other(self._era)
        if self._has[other] is not has:
            self._has[other] = has
            self._on_other_era(has)

    def _ended(self, slot: Slot, session: Session) -> None:
        """A session beside the first one ended by itself: the next call opens another."""
        if self._sessions.get(slot) is session:
            del self._sessions[slot]
            self._tasks.start_soon(self._close, session)

    async def _close(self, session: Session) -> None:
        await session.connection.transport.close()
        # Whatever still waits for an answer waits for nothing.
        session.connection.closed(_fault(self._spec, Kind.CLOSED, "was stopped"))

    async def _make_room(self) -> None:
        """Where `MAX_SESSIONS` are open, or will be, the idlest one ends; none idle means BUSY."""
        if len(self._sessions) + len(self._opening) <= MAX_SESSIONS:
            return
        idle = [(slot, session) for slot, session in self._sessions.items() if not session.users]
        if not self._dedicated or not idle:
            raise UpstreamError(_fault(self._spec, Kind.BUSY, f"runs {MAX_SESSIONS} sessions already; try again later"))
        slot, session = min(idle, key=lambda pair: pair[1].idle_since)
        del self._sessions[slot]
        await self._close(session)


class _Opening:
    """One attempt that all who need its session wait for."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.error: UpstreamError | None = None


def _other(era: Era) -> Era:
    return Era.LEGACY if era is Era.MODERN else Era.MODERN


def _fault(spec: ServerSpec, kind: Kind, what: str) -> Fault:
    return Fault(kind, f"Server '{spec.name}' {what}.", server=spec.name)
