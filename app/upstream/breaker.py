"""The circuit of a remote server that is up by its session and fails by its calls.

Counts and decides; closes nothing. Theory of operation: requests that fail in a row without an answer in between open
the circuit, and one `Retry-After` does at once: calls then fail fast while those under way go on. After the pause one
health check decides: answered, calls pass again; not answered, the session ends and supervision takes over.
"""

import anyio

from app.protocol.faults import Fault, Kind
from app.upstream.errors import HttpRefusal

TRIPS = 3


class Breaker:
    """One session's circuit. `tripped` is set once it opens; `closed_again` makes it whole."""

    def __init__(self) -> None:
        self.tripped = anyio.Event()
        self.fault: Fault | None = None

    def __repr__(self) -> str:
        return f"<Breaker {self.fault.message if self.fault else 'closed'}>"

    def failed(self, fault: Fault, in_a_row: int) -> None:
        """A request failed below JSON-RPC, the last of `in_a_row` without an answer between them."""
        asked = isinstance(fault, HttpRefusal) and bool(fault.retry_after)
        if self.fault is None and (asked or (in_a_row >= TRIPS and _speaks_of_the_server(fault))):
            self.fault = fault
            self.tripped.set()

    def closed_again(self) -> None:
        """Calls pass again."""
        self.fault, self.tripped = None, anyio.Event()


def _speaks_of_the_server(fault: Fault) -> bool:
    """Not of one request, or of one session that is over: that says nothing about the next call."""
    session_over = fault.kind is Kind.CLOSED and fault.unsent
    return fault.kind in {Kind.UNREACHABLE, Kind.CLOSED, Kind.BUSY} and not session_over
