"""A server's end of a lease, played by the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from math import inf

import msgspec
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault
from app.protocol.versions import Era
from app.relay.catalog import ServerCatalog
from app.relay.events import Detached, Disconnected, Given, Noticed, PeerError, Request, Result, Sink
from app.upstream.errors import UpstreamError
from app.upstream.leases import Asker

SPEC = ServerSpec(name="a", label="a", kind="stdio", prefix="a")


@dataclass
class PlayedLease:
    era: Era = Era.LEGACY
    sent: list[tuple[Request, Sink]] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)
    asks_since: float = inf
    give_way: Callable[[], None] = lambda: None
    answered: list[tuple[str, Given]] = field(default_factory=list)
    released: int = 0
    sent_once: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, request: Request, sink: Sink) -> int:
        self.sent.append((request, sink))
        self.sent_once.set()
        return len(self.sent)

    def cancel(self, request_id: int, reason: str) -> None:
        self.cancelled.append((request_id, reason))

    def answer(self, key: str, given: Given) -> None:
        self.answered.append((key, given))

    def release(self) -> None:
        self.released += 1


@dataclass
class PlayedUpstream:
    """`open` lets waiting calls have the lease; `fault` refuses them."""

    lease: PlayedLease = field(default_factory=PlayedLease)
    at_once: bool = True
    fault: Fault | None = None
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    spec: ServerSpec = SPEC
    catalog: ServerCatalog | None = None
    patience: list[float] = field(default_factory=list)

    def acquire_nowait(self, era: Era, key: str, asker: Asker | None = None) -> PlayedLease | None:
        return self.lease if self.at_once else None

    async def acquire(
        self,
        era: Era,
        key: str,
        patience: float = 0.0,
        asker: Asker | None = None,
    ) -> PlayedLease:
        self.patience.append(patience)
        await self.opened.wait()
        if self.fault:
            raise UpstreamError(self.fault)
        return self.lease


@dataclass
class PlayedClient:
    """Keeps what it is told. `hang_up` closes its connection."""

    hung_up: Disconnected | Detached
    notices: list[Noticed] = field(default_factory=list)
    questions: list[tuple[int, msgspec.Raw]] = field(default_factory=list)
    outcomes: list[Result | PeerError | Fault] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)
    beats: int = 0
    gone: bool = False
    hang_up: asyncio.Event = field(default_factory=asyncio.Event)
    beaten: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, notice: Noticed) -> None:
        self.notices.append(notice)

    async def pause(self, retry: int) -> None:
        self.pauses.append(retry)

    async def ask(self, ident: int, question: msgspec.Raw) -> None:
        self.questions.append((ident, question))

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        self.outcomes.append(outcome)

    async def keep_alive(self) -> None:
        self.beats += 1
        self.beaten.set()

    async def closed(self) -> None:
        await self.hang_up.wait()


@pytest.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as group:
        yield group
