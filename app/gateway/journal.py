"""What was said on the event streams of one session, kept so that a client that lost one can read on (2025-11-25).

No I/O and no clock of its own. Theory of operation: each stream has a number, each event a place in it, and both are
its id, `STREAM-PLACE`, unique in the session. What is kept is bounded, per stream, per session and over all sessions:
the oldest events go first, and a stream that lost some is replayed from what is left. Number 0 is the session's own
stream (GET), which does not end; others begin when the answer to a POST becomes a stream.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable

EVENTS = 256
STREAM_BYTES = 1 << 20
STREAMS = 32
SESSION_BYTES = 4 << 20
ALL_BYTES = 64 << 20
# How long the stream of an answer that is complete can still be read again.
KEPT_SECONDS = 300.0
# Milliseconds after which a client comes back to a stream that broke.
RETRY = 1000
OWN = 0
_ID = re.compile(r"(\d{1,9})-(\d{1,15})")


class Budget:
    """Bytes that all journals hold together."""

    def __init__(self, limit: int = ALL_BYTES) -> None:
        self.limit = limit
        self.held = 0

    def __repr__(self) -> str:
        return f"<Budget {self.held} of {self.limit}>"

    @property
    def spent(self) -> bool:
        return self.held > self.limit


class Journal:
    """One stream. One reader at a time: `take` makes who calls it that one, and `reader` tells who is."""

    __slots__ = ("_budget", "_events", "_next", "_waiter", "ended_at", "number", "reader", "size")

    def __init__(self, number: int, budget: Budget) -> None:
        self.number = number
        self.size = 0
        self.ended_at: float | None = None
        """When its last event came, on the clock of whoever ended it; None while more may come."""
        self.reader = 0
        self._budget = budget
        self._events: deque[tuple[int, bytes]] = deque()
        self._next = 1
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Journal {self.number} {len(self._events)} events{'' if self.ended_at is None else ' ended'}>"

    def prime(self, place: int | None = None) -> bytes:
        """The event that opens a stream: an id to come back with, that of `place` or the last one, and when."""
        at = self._next - 1 if place is None else place
        return b"id: %d-%d\nretry: %d\ndata: \n\n" % (self.number, at, RETRY)

    def take(self) -> int:
        """Become its reader; whoever was so before is told nothing more."""
        self.reader += 1
        self.wake()
        return self.reader

    def add(self, event: bytes) -> bytes:
        """Keep one more event; returns it with its id. Of a stream that is over nothing is kept."""
        place, self._next = self._next, self._next + 1
        stamped = b"id: %d-%d\n%b" % (self.number, place, event)
        if self.ended_at is None:
            self._events.append((place, stamped))
            self._charge(len(stamped))
        while len(self._events) > EVENTS or (self.size > STREAM_BYTES and len(self._events) > 1) or self._too_much():
            self._drop()
        self.wake()
        return stamped

    def end(self, now: float) -> None:
        """No more comes."""
        if self.ended_at is None:
            self.ended_at = now
        self.wake()

    def since(self, place: int) -> list[tuple[int, bytes]]:
        """What is kept of what came after `place`, in order."""
        return [event for event in self._events if event[0] > place]

    async def more(self, place: int, reader: int) -> None:
        """Wait until something came after `place`, it ended, another reader took it, or somebody called `wake`."""
        if place >= self._next - 1 and self.ended_at is None and self.reader == reader:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def forget(self) -> None:
        """Give back what it holds."""
        while self._events:
            self._drop()

    def _too_much(self) -> bool:
        return self._budget.spent and bool(self._events)

    def _drop(self) -> None:
        _, event = self._events.popleft()
        self._charge(-len(event))

    def _charge(self, size: int) -> None:
        self.size += size
        self._budget.held += size

    def wake(self) -> None:
        """Let its reader look."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Journals:
    """All streams of one session."""

    __slots__ = ("_budget", "_clock", "_last", "_streams")

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        self._budget = budget
        self._clock = clock
        self._streams: dict[int, Journal] = {}
        self._last = OWN

    def __repr__(self) -> str:
        return f"<Journals {list(self._streams.values())}>"

    @property
    def own(self) -> Journal:
        """The session's own stream."""
        return self._streams.get(OWN) or self._open(OWN)

    def begin(self) -> Journal:
        """A stream that answers a request begins. The oldest ended one makes room, or else the oldest."""
        self.prune()
        self._last += 1
        return self._open(self._last)

    def find(self, event_id: str) -> tuple[Journal, int] | None:
        """The stream and the place that an id names; None when it is none of ours, or kept no more."""
        found = _ID.fullmatch(event_id)
        journal = self._streams.get(int(found[1])) if found else None
        return (journal, int(found[2])) if found and journal else None

    def ended(self, journal: Journal) -> None:
        """The answer is complete."""
        journal.end(self._clock())

    def prune(self) -> None:
        """Forget what has been complete for long, and what is too much."""
        before = self._clock() - KEPT_SECONDS
        answers = [journal for number, journal in self._streams.items() if number != OWN]
        old = [journal for journal in answers if journal.ended_at is not None and journal.ended_at <= before]
        by_age = sorted(set(answers) - set(old), key=lambda journal: (journal.ended_at is None, journal.number))
        held = sum(journal.size for journal in by_age)
        while by_age and (len(by_age) >= STREAMS or held > SESSION_BYTES):
            held -= by_age[0].size
            old.append(by_age.pop(0))
        for journal in old:
            del self._streams[journal.number]
            journal.end(self._clock())
            journal.forget()

    def close(self) -> None:
        """The session is over: whoever reads has read it all."""
        for journal in self._streams.values():
            journal.end(self._clock())
            journal.forget()
        self._streams.clear()

    def _open(self, number: int) -> Journal:
        journal = self._streams[number] = Journal(number, self._budget)
        return journal
