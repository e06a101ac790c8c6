"""HTTP/1.1 as the worker speaks it: uvicorn's protocol over httptools, with bounds, and JSON for whatever goes wrong.

What is no request never reaches the app: it is refused here, and its connection ends.
"""

import asyncio
import re
import sys

import msgspec
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.downstream.faults import plain
from app.protocol import jsonrpc
from app.serve.cork import Cork
from app.serve.room import Room, spare

LINGER = 10.0
"""Seconds a client has to take its answer and to send what nobody reads."""
HEAD_WITHIN = 15.0
"""Seconds from a connection's beginning, or from a request's, to the end of the request's head."""
_OFFER = re.compile(rb"\r\nconnection:[^\r\n]*upgrade[^\r\n]*", re.IGNORECASE)
Refusal = tuple[bytes, str, str]
"""Status, and what is wrong: a name and a sentence."""
BAD_REQUEST: Refusal = b"400 Bad Request", "invalid_request", "Not an HTTP request this server can read"
FAILED = 500, "internal", "The gateway failed; its log says why."
CUT_SHORT = 503, "unavailable", "The gateway is restarting: try again"
TOO_SLOW: Refusal = b"408 Request Timeout", "too_slow", "The request did not arrive in time"
TOO_LONG: Refusal = b"414 URI Too Long", "uri_too_long", "The request's URI is too long"
TOO_LARGE: Refusal = (
    b"431 Request Header Fields Too Large",
    "headers_too_large",
    "The request's headers are too large: a line may have 8 kB, and all of them 32 kB",
)
LINE, HEAD = 8 * 1024, 32 * 1024
"""Bytes that a line of a request's head may have, and all of them (RELIABILITY.md B07, B08). A version may be longer:
what is told of one that is unknown is the endpoint's to say (B43)."""
VERSION = b"mcp-protocol-version"


class GatewayProtocol(HttpToolsProtocol):
    """What cannot be parsed as HTTP is answered in JSON; offers of another protocol are declined; every body ends.

    httptools takes such an offer (`Upgrade: h2c`, which Java's client makes) as accepted, and the body as lost.
    """

    whole = True
    """Whether the request that is being answered has arrived to its end."""
    due: asyncio.TimerHandle | None = None
    """While a head is waited for, and has not come whole with its first bytes: when that is over."""
    room: Room | None = None
    """How much there is for connections; None: as much as anybody wants."""
    heading = False
    """Whether a head has begun that has not come to its end."""
    moved = False
    """Whether what came last had a request's beginning, the end of its head, or some of its body."""
    idle = 0
    """Bytes that came since then: of a head, of chunks' extensions, of trailers. httptools keeps all of those."""
    weighs = False
    """Whether a head may be too large: most come whole, and are not longer than a line may be."""
    refusal = BAD_REQUEST
    refused = False
    """Nothing that comes is read any more."""

    def on_message_begin(self) -> None:
        self.whole = False
        self.heading = self.moved = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.heading, self.moved = False, True
        if self.weighs and (too_much := _too_much(self.url, self.headers)):
            self.refusal = too_much
            raise ValueError("the parser ends here, and has it refused")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.whole = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Who was refused before the end of its body may send the rest, but not for ever: uvicorn would read on."""
        super().on_response_complete()
        if not self.whole and self.cycle.response_complete:
            self.loop.call_later(LINGER, self._give_up, self.cycle)

    def _give_up(self, cycle: object) -> None:
        if not self.whole and self.cycle is cycle:
            self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn's own type
        super().connection_made(Cork(transport, self.loop))
        if self.room and self.room.lacks(transport.get_extra_info("socket").fileno(), len(self.connections)):
            self.app = spare(self.app)
        self.due = self.loop.call_later(HEAD_WITHIN, self._end_waiting)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        if b"pgrade" in data and not getattr(self.cycle, "more_body", False):
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _OFFER.sub(b"\r\nConnection: keep-alive", head) + end + rest
        self.weighs = self.heading or len(data) > LINE
        self.moved = False
        super().data_received(data)
        if self.refused:
            return
        self.idle = 0 if self.moved or self.whole else self.idle + len(data)
        if self.idle > HEAD:
            if self.heading:
                self._refuse(TOO_LARGE)
            else:
                self.transport.close()
        elif getattr(self.cycle, "response_complete", True):
            # Less than a head, as nothing is being answered: who drips holds a connection for nothing.
            if self.due is None:
                self.due = self.loop.call_later(HEAD_WITHIN, self._end_waiting)
        elif self.due is not None:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self.due is not None:
            self.due.cancel()
            self.due = None

    def _end_waiting(self) -> None:
        self.due = None
        if self.whole:  # not a byte of a request
            self.transport.close()
        elif not self.transport.is_closing():
            self._refuse(TOO_SLOW)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are plain text
        self._refuse(self.refusal)

    def _refuse(self, refusal: Refusal) -> None:
        """The last answer of the connection. The rest may come to its end: who is cut off while it sends sees none."""
        self.refused = True
        self._stop_waiting()
        if not getattr(self.cycle, "response_complete", True):
            if not self.cycle.more_body:  # of another request, which is answered yet, and is the last
                self.cycle.keep_alive = False
                return
            if self.cycle.response_started or self.pipeline:
                self.transport.close()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        status, error, text = refusal
        posted = self.parser is not None and self.parser.get_method() == b"POST"
        body = _told(error, text, -32600 if posted else None)
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)


def _told(error: str, text: str, code: int | None) -> bytes:
    """`code`: of JSON-RPC, which is what a POST is answered in."""
    if code is None:
        return plain(error, text)
    return jsonrpc.error(b"", msgspec.json.encode({"code": code, "message": text}))


def _too_much(url: bytes, headers: list[tuple[bytes, bytes]]) -> Refusal | None:
    if len(url) > LINE:
        return TOO_LONG
    sizes = [(name, len(name) + len(value) + len(b": \r\n")) for name, value in headers]
    too_long = any(size > LINE and name != VERSION for name, size in sizes)
    return TOO_LARGE if too_long or len(url) + sum(size for _, size in sizes) > HEAD else None


class GatewayCycle(RequestResponseCycle):
    """One request. Where the app gives no answer, JSON goes out, not uvicorn's plain text (INTERFACE, "Endpoints")."""

    async def send_500_response(self) -> None:
        # A worker whose arbiter was killed has no time for calls in flight: they are cancelled.
        status, error, text = CUT_SHORT if isinstance(sys.exception(), asyncio.CancelledError) else FAILED
        body = _told(error, text, -32603 if self.scope["method"] == "POST" else None)
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


# The protocol makes them by this name, and has no setting for it.
httptools_impl.RequestResponseCycle = GatewayCycle
