"""What one listener has to be told, and whether it still listens: the reader's end of `Broadcast`.

Knows no list and no server. A subscription is marked by whoever finds a change, and read by the one stream that it is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Self

from app.config.keyring import Principal
from app.protocol.versions import Era
from app.relay.catalog import Members
from app.relay.events import Noticed
from app.relay.listen import News, TaskChanged, Updated
from app.relay.policy import Grant, decide

# Messages kept for one listener that does not read; the oldest go.
MAX_SAID = 256

Seen = dict[str, bytes]
Audience = tuple[Grant, str, Era]


class End(Enum):
    """Why a subscription is over; values are the words of the log."""

    DISCONNECTED = "disconnected"
    REVOKED = "revoked"
    SESSION = "session_ended"
    DRAINED = "drained"


class Subscription:
    """What changed for one listener, as an async iterator that stops when it is `over`. One reader.

    What is pending is a set of kinds and one of URIs: a reader that is slow is told once of many changes.
    """

    __slots__ = (
        "_ended", "_over", "_pending", "_said", "_tasks", "_updated", "_waiter", "era", "kinds", "on_end", "only",
        "principal", "renew", "seen",
    )  # fmt: skip

    def __init__(
        self, principal: Principal, only: str, kinds: tuple[str, ...], era: Era, renew: Callable[[], Principal | None]
    ) -> None:
        self.principal = principal
        self.only = only
        self.kinds = kinds
        self.era = era
        self.renew = renew
        self.seen: Seen = {}
        self.on_end: Callable[[], None] | None = None
        """Called once when it ends, whoever ends it."""
        self._pending: set[str] = set()
        self._updated: dict[str, None] | None = None
        self._tasks: dict[str, Members] | None = None
        self._said: deque[Noticed] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended: asyncio.Event | None = None
        self._over: End | None = None

    def __repr__(self) -> str:
        state = self._over.value if self._over else f"{len(self._pending)} pending"
        return f"<Subscription {self.principal.client_id} {'+'.join(self.kinds)} {state}>"

    @property
    def over(self) -> End | None:
        """Why it has ended; None while it lasts."""
        return self._over

    @property
    def audience(self) -> Audience:
        return self.principal.grant, self.only, self.era

    def tell(self, kind: str) -> None:
        """`kind` has changed for this listener."""
        self._pending.add(kind)
        self._wake()

    def updated(self, server: str, uri: str) -> None:
        """A resource of `server` has changed, which this listener wants to hear of; and does, if it still may."""
        if self.only in ("", server) and decide(self.principal.grant, server, None, uri):
            if self._updated is None:
                self._updated = {}
            self._updated[uri] = None
            self._wake()

    def task_changed(self, server: str, task: str, params: Members) -> None:
        """A task of `server`, ours by this id, has changed; told if the listener still may see that server."""
        if self.only in ("", server) and self.principal.grant.on(server).sees:
            if self._tasks is None:
                self._tasks = {}
            self._tasks[task] = params
            self._wake()

    def say(self, server: str, notice: Noticed) -> None:
        """A message of `server` for this listener alone, told if it still may see that server."""
        if self.only in ("", server) and self.principal.grant.on(server).sees:
            if self._said is None:
                self._said = deque(maxlen=MAX_SAID)
            self._said.append(notice)
            self._wake()

    def end(self, why: End) -> None:
        """No more is told. Idempotent: the first reason counts."""
        if self._over is None:
            self._over = why
            self._wake()
            if self._ended is not None:
                self._ended.set()
            if self.on_end is not None:
                self.on_end()

    async def ended(self) -> None:
        """Returns once it is over."""
        if self._ended is None:
            self._ended = asyncio.Event()
            if self._over is not None:
                self._ended.set()
        await self._ended.wait()

    def reopen(self) -> None:
        """It goes on, with what is pending."""
        self._over = self.on_end = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> News:
        while self._over is None:
            for kind in self.kinds:
                if kind in self._pending:
                    self._pending.discard(kind)
                    return kind
            if self._updated:
                uri = next(iter(self._updated))
                del self._updated[uri]
                return Updated(uri)
            if self._tasks:
                task = next(iter(self._tasks))
                return TaskChanged(task, self._tasks.pop(task))
            if self._said:
                return self._said.popleft()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        raise StopAsyncIteration

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
