"""Permission to use a session of a server, and who has it: what the pool lends and a call gives back.

Starts and waits for nothing. A lease of a shared session is a constant; one of a session that questions are asked in
knows whose it is and which request it sent, so that a question finds its call.
"""

import time
from collections.abc import Callable
from math import inf

import msgspec

from app.relay.events import Given, Request, Sink
from app.upstream.connection import Connection
from app.upstream.opening import Opened


class Asker(msgspec.Struct, frozen=True):
    """A client that can be asked questions in the middle of its call.

    `owner` names the client, or its session; `capabilities` is the JSON object of what it can be asked. `alone`: calls
    of this owner may be different people's, so that each wants a session to itself (a modern client has no session).
    """

    owner: str
    capabilities: bytes
    alone: bool = False


class Lease:
    """Permission to use a session. `release` it once; a lease of a shared session costs nothing to keep."""

    __slots__ = ("_released", "answer", "asks_since", "cancel", "connection", "era", "give_way", "send")

    def __init__(self, connection: Connection, released: Callable[[], None] | None = None) -> None:
        self.connection = connection
        self.era = connection.era
        self.send: Callable[[Request, Sink], int] = connection.send
        self.cancel: Callable[[int, str], None] = connection.cancel
        self.answer: Callable[[str, Given], None] = connection.answer
        self.asks_since = inf
        """Since when its call waits for nothing but its client's answer; of no shared session."""
        self.give_way: Callable[[], None] = lambda: None
        """Ends such a call."""
        self._released = released

    def __repr__(self) -> str:
        return f"<Lease {self.connection!r}>"

    def release(self) -> None:
        """Idempotent."""
        released, self._released = self._released, None
        if released:
            released()


class _Borrowed(msgspec.Struct):
    """What one call has of a session: whose it is, and the request it sent (0: none yet)."""

    asker: Asker | None
    request_id: int = 0


class Session:
    """One open session and its users."""

    def __init__(self, opened: Opened, capabilities: bytes = b"{}") -> None:
        self.opened = opened
        self.connection = opened.connection
        self.capabilities = capabilities
        self.shared_lease = Lease(opened.connection)
        self.idle_since = time.monotonic()
        self.owner = ""
        """Who has it, or had it last."""
        self._borrowed: dict[Lease, _Borrowed] = {}

    def __repr__(self) -> str:
        return f"<Session {self.connection!r} {self.users} users>"

    @property
    def users(self) -> int:
        return len(self._borrowed)

    def idle(self, before: float) -> bool:
        """Whether nobody has used it since `before`, and nothing is left to be said in it."""
        return not self.users and self.idle_since <= before and not self.connection.unasked.awaited.waits

    def yields(self, before: float) -> bool:
        """Ask the calls to give way of which each has waited for its client since `before`; whether all have."""
        idle = all(lease.asks_since <= before for lease in self._borrowed)
        for lease in list(self._borrowed) if idle else ():
            lease.give_way()
        return idle

    def lease(self, asker: Asker | None = None, returned: Callable[[], None] = lambda: None) -> Lease:
        """One more user. `returned` hears when it gives the session back."""
        connection, borrowed = self.connection, _Borrowed(asker)

        def back() -> None:
            del self._borrowed[lease]
            self.idle_since = time.monotonic()
            returned()

        def send(request: Request, sink: Sink) -> int:
            borrowed.request_id = connection.send(request, sink)
            connection.inquiries.called(sink)
            return borrowed.request_id

        if self.owner and not self._borrowed and (asker is None or asker.alone or asker.owner != self.owner):
            connection.inquiries.forsake()
        lease = Lease(connection, back)
        lease.send = send
        self._borrowed[lease] = borrowed
        self.owner = asker.owner if asker else ""
        connection.inquiries.attribute = self.whose
        return lease

    def whose(self) -> list[int] | None:
        """The requests that a question which names none may be of, oldest first; None before there is one.

        Of one client's calls each will do. Of several clients' none: nobody can tell whose it is.
        """
        users = list(self._borrowed.values())
        sent = [user.request_id for user in users if user.request_id]
        mixed = len({user.asker.owner if user.asker else None for user in users}) > 1
        if len(users) > 1 and (mixed or any(user.asker is None or user.asker.alone for user in users)):
            return []
        return sent or None
