"""The seam between a connection (ids, correlation, eras) and the wire it runs on.

A transport moves whole JSON-RPC messages of one upstream session and knows nothing of their meaning beyond what its
wire needs. It translates foreign exceptions into `Fault`s at its edge and nowhere else (DESIGN.md rule 10).
"""

from typing import Protocol

import msgspec

from app.protocol.faults import Fault


class Outgoing(msgspec.Struct, frozen=True):
    """One message towards the server.

    `id` is our own integer for a request, None for a notification or for an answer to a server's request;
    `headers` are the `MCP-Protocol-Version` and `Mcp-*` headers that an HTTP wire must carry for this body.
    """

    method: str
    body: bytes
    id: int | None = None
    headers: dict[str, str] = {}


class Receiver(Protocol):
    """What a transport calls as things arrive: synchronously, in wire order, on the event loop."""

    def received(self, message: bytes, origin: int | None = None) -> None:
        """One whole JSON-RPC message (undecoded bytes); `origin`: the request whose own stream it came on, if any."""

    def failed(self, request_id: int | None, fault: Fault) -> None:
        """Request `request_id` got no answer and never will; None: an id-less message could not be delivered."""

    def paused(self, request_id: int, retry: int) -> None:
        """The server let go of the request's stream and will be asked for the rest in `retry` milliseconds."""

    def lost(self, fault: Fault) -> None:
        """A message was dropped unread and nobody knows whose answer it was: every pending request fails."""

    def ending(self, fault: Fault) -> None:
        """No request is taken any more; those under way may still be answered, until the transport is closed."""

    def closed(self, fault: Fault) -> None:
        """The session is over and every pending request with it. Called at most once, last."""


class Transport(Protocol):
    """One upstream session's wire."""

    async def open(self, receiver: Receiver) -> None:
        """Make it ready to send. Raises `UpstreamError` (errors.py) when it cannot be."""

    def send(self, message: Outgoing) -> None:
        """Hand one message to the wire; never blocks. Failure arrives through `Receiver.failed`."""

    def abandon(self, request_id: int) -> None:
        """The answer to this request is wanted no more: free what waits for it (HTTP: close the POST)."""

    async def close(self) -> None:
        """End the session politely, then surely (bounded; idempotent; never raises)."""

    @property
    def cancels_by_closing(self) -> bool:
        """True where `abandon` itself is the cancel (modern HTTP); else `notifications/cancelled` is sent."""
        ...
