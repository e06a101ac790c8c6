"""Sessions in which a server may ask questions: each in one client's hands at a time, with exactly its capabilities.

A legacy question names no call, so whoever can be asked has the session to itself while its calls run; then it is lent
on. More than one is open only while several need one at once, at most `MOST`, and an idle one ends after `IDLE` seconds
(DESIGN.md rule 4; INTERFACE, `pool`). While somebody waits for one, a client that thinks for too long loses its own,
and one that asks for more loses what it has not answered.
Runs beside the shared sessions of a pool, in its tasks.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import anyio.abc

from app.protocol.faults import Fault
from app.protocol.jsonrpc import members_of
from app.upstream.errors import UpstreamError
from app.upstream.leases import Asker, Lease, Session
from app.upstream.opening import Opened

log = logging.getLogger("app.upstream")

MOST = 4
IDLE = 60.0
# How long a client may think while others wait for a session.
PATIENCE = 60.0

Open = Callable[[bytes], Awaitable[Opened]]


class Interactive:
    """`opens` makes a session that declares these capabilities; `closes` ends one; `heard` is told of each new one.

    `stopped`: what whoever waits is told when the server stops.
    """

    def __init__(
        self,
        opens: Open,
        closes: Callable[[Session], Coroutine[Any, Any, None]],
        tasks: anyio.abc.TaskGroup,
        heard: Callable[[Session, Callable[[], None]], None],
        stopped: Fault,
    ) -> None:
        self._open = opens
        self._close = closes
        self._tasks = tasks
        self._heard = heard
        self._stopped = stopped
        self._over = False
        self._sessions: list[Session] = []
        self._opening = 0
        self._changed = anyio.Event()

    def __repr__(self) -> str:
        return f"<Interactive {self._sessions} {self._opening} opening>"

    @property
    def sessions(self) -> tuple[Session, ...]:
        return tuple(self._sessions)

    @property
    def busy(self) -> bool:
        return bool(self._opening) or any(session.users for session in self._sessions)

    def ready(self, asker: Asker) -> Lease | None:
        """A lease without waiting: of the session that the client has already, else of an idle one that fits."""
        live = [session for session in self._sessions if not session.connection.fault]
        fitting = [session for session in live if session.capabilities == asker.capabilities]
        mine = [session for session in fitting if session.users and session.owner == asker.owner and not asker.alone]
        idle = [session for session in fitting if not session.users and _lendable(session, asker)]
        # The one it had before, if any: a server may remember what was said in it.
        idle.sort(key=lambda session: session.owner != asker.owner)
        return next((session.lease(asker, self._tell) for session in (*mine, *idle)), None)

    async def acquire(self, asker: Asker) -> Lease:
        """A lease, opening a session or waiting for one. Raises `UpstreamError`."""
        while True:
            if self._over:
                raise UpstreamError(self._stopped)
            lease = self.ready(asker)
            if lease:
                return lease
            if len(self._sessions) + self._opening >= MOST and not self._make_room():
                lease = self._join(asker)
                if lease:
                    return lease
                changed = self._changed
                self._make_way(asker.owner)
                with anyio.move_on_after(PATIENCE / 12):
                    await changed.wait()
                continue
            attempt = _Attempt()
            self._opening += 1
            # In a task of the pool's: whoever wanted it may give up, and the next one finds it.
            self._tasks.start_soon(self._add, asker.capabilities, attempt)
            await attempt.done.wait()
            if attempt.error:
                raise attempt.error

    def stop(self) -> None:
        """The server stops: nobody gets a session any more."""
        self._over = True
        self._tell()

    async def sweep(self) -> None:
        """Close what has been idle too long; runs as a task."""
        while True:
            await anyio.sleep(IDLE / 12)
            before = time.monotonic() - IDLE
            for session in self.sessions:
                if session.idle(before):
                    self._drop(session)

    def _join(self, asker: Asker) -> Lease | None:
        """When there are as many as may be: a place beside other calls of the same client."""
        own = [
            session
            for session in self._sessions
            if session.owner == asker.owner and session.capabilities == asker.capabilities and session.users
        ]
        return min(own, key=lambda session: session.users).lease(asker, self._tell) if own else None

    def _make_room(self) -> bool:
        """End an idle session, which fits nobody who waits."""
        idle = [session for session in self._sessions if not session.users]
        if idle:
            self._drop(min(idle, key=lambda session: session.idle_since))
        return bool(idle)

    def _make_way(self, owner: str) -> None:
        """Somebody waits: a session that waits for nothing but an answer ends.

        One of the same client's at once, since it may never come back for that; another's only when it has its time.
        """
        now = time.monotonic()
        own = [session for session in self._sessions if session.owner == owner]
        if not any(session.yields(now) for session in own):
            any(session.yields(now - PATIENCE) for session in self._sessions)

    async def _add(self, capabilities: bytes, attempt: "_Attempt") -> None:
        try:
            opened = await self._open(capabilities)
        except UpstreamError as error:
            attempt.error = error
        else:
            session = Session(opened, capabilities)
            self._sessions.append(session)
            self._heard(session, lambda: self._drop(session))
        finally:
            self._opening -= 1
            self._over = self._over or self._tasks.cancel_scope.cancel_called
            attempt.done.set()
            self._tell()

    def _drop(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
            self._tasks.start_soon(self._close, session)
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


class _Attempt:
    """The opening of one session."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.error: UpstreamError | None = None


def _lendable(session: Session, asker: Asker) -> bool:
    """Whether a session that is free may be this client's.

    Not where it was told of another's folders, nor while it may be at what another cancelled: what it asks for that
    would be asked of this one.
    """
    if session.connection.cancelled and (asker.alone or session.owner != asker.owner):
        return False
    return session.owner in ("", asker.owner) or "roots" not in (members_of(session.capabilities) or {})
