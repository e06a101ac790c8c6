"""Where everything that can happen to one call arrives: from its server, its client and the clock.

One reader, any number of writers on the same event loop. Bounded: a server that reports progress faster than its client
reads loses the reports in between, never the answer.
"""

import asyncio
from collections import deque
from enum import Enum, auto

from app.relay.events import Event, Heard, Leased, NeedsInput, Noticed

MAX_NOTICES = 1024


class Signal(Enum):
    """What concerns the driver and not the exchange. SETTLED: the call lasts. QUIET: nothing was written to the client
    for a while. OVERDUE: the call's time is over. GATHERED: questions that come together have come.
    """

    SETTLED = auto()
    QUIET = auto()
    OVERDUE = auto()
    GATHERED = auto()


Arrival = Event | Signal


class Inbox:
    """A queue for one reader."""

    __slots__ = ("_arrived", "_waiter", "dropped")

    def __init__(self) -> None:
        self._arrived: deque[Arrival] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.dropped = 0

    def put(self, arrival: Arrival) -> None:
        """Add what happened; never blocks. A notification or sign of life past the bound is dropped and counted."""
        if len(self._arrived) >= MAX_NOTICES and isinstance(arrival, Noticed | Heard):
            self.dropped += 1
            return
        self._arrived.append(arrival)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def get(self) -> Arrival:
        """The next thing that happened, in order."""
        if not self._arrived:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._arrived.popleft()

    def unread(self) -> list[str]:
        """The keys of questions in the middle of the call that nobody has read yet."""
        asked = [each.question for each in self._arrived if isinstance(each, NeedsInput)]
        return [key for question in asked if question.result is None for key in question.requests]


LEASED = Leased()
