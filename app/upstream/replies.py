"""An answer that we wait for ourselves: to a listing, a handshake, a health check. Calls of clients do without.

Knows no ids and no wire: `take` is the sink of a request that the connection sent.
"""

from collections.abc import Callable

import anyio

from app.protocol.faults import Fault, Kind
from app.relay.events import Failed, Finished, NeedsInput, PeerError, Question, Result, UpstreamEvent
from app.upstream.errors import UpstreamError


class Reply:
    """What comes for one request. `decline` answers what its server asks meanwhile: we are nobody to ask."""

    def __init__(self, server: str, decline: Callable[[Question], None]) -> None:
        self._server = server
        self._decline = decline
        self._last: Finished | NeedsInput | Failed | None = None
        self._answered = anyio.Event()

    def __repr__(self) -> str:
        return f"<Reply {self._server} {'there' if self.came else 'awaited'}>"

    @property
    def came(self) -> bool:
        """Whether the request is over."""
        return self._last is not None

    def take(self, event: UpstreamEvent) -> None:
        """An event of the request."""
        if isinstance(event, NeedsInput) and event.question.result is None:
            self._decline(event.question)
        elif isinstance(event, Finished | Failed | NeedsInput):
            self._last = event
            self._answered.set()

    async def outcome(self, method: str, timeout: float | None) -> Result | PeerError:
        """The answer to `method`. Raises `UpstreamError`; after `timeout` seconds one of kind TIMEOUT."""
        try:
            with anyio.fail_after(timeout):
                await self._answered.wait()
        except TimeoutError:
            text = f"Server '{self._server}' did not answer {method} in time."
            raise UpstreamError(Fault(Kind.TIMEOUT, text, server=self._server)) from None
        event = self._last
        if isinstance(event, Finished):
            return event.outcome
        # Nobody is there to answer what is asked instead of an answer.
        raise UpstreamError(event.fault if isinstance(event, Failed) else malformed(self._server))


def malformed(server: str) -> Fault:
    """Why an answer is none."""
    return Fault(Kind.PROTOCOL, f"Server '{server}' answered with a malformed message.", server=server)
