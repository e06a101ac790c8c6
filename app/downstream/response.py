"""The answer to one call, committed as late as it can be: JSON with its status, or a stream once something precedes it.
Where the client would rather have a stream, what has no status of its own is one of one event.

Our own ASGI response, since neither Litestar's `Stream` nor its `Response` decides late or watches for the client's
hang-up (DESIGN.md rule 2). Theory of operation: the first `stream` or `keep_alive` starts an event stream, where the
client takes one; `reply` ends whichever form there is; after a hang-up every write is empty. A client that takes no
byte for `WRITE_TIMEOUT` seconds is gone.
"""

import asyncio
from contextlib import nullcontext

from litestar.types import Message, Receive, Send

from app.downstream.faults import to_answer, to_peer_answer
from app.protocol import jsonrpc
from app.protocol.classify import Accept
from app.protocol.faults import Fault
from app.protocol.sse import KEEP_ALIVE, encode_event
from app.protocol.versions import Era
from app.relay import downstream_legacy, downstream_modern
from app.relay.events import Detached, Disconnected, Noticed, PeerError, Result
from app.relay.notices import to_notice

WRITE_TIMEOUT = 60.0
PLAIN = Accept(json=True, stream=False)
# Goes into the socket's buffer at once. Where a connection was stalled before, the kernel or nginx ends it, and a timer
# of our own for each small answer would cost more than the answer.
SMALL = 64 * 1024
_UNBOUNDED = nullcontext()
JSON = (b"content-type", b"application/json")
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_HUNG_UP: dict[Era, Disconnected | Detached] = {
    Era.LEGACY: downstream_legacy.HUNG_UP,
    Era.MODERN: downstream_modern.HUNG_UP,
}
_IS_ERROR = (b'"isError":true', b'"isError": true')


Headers = list[tuple[bytes, bytes]]


async def send_json(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    """A JSON answer in one piece."""
    head = [JSON, (b"content-length", b"%d" % len(body)), *(headers or ())]
    await send(_start(status, head))
    await send(_body(body, more=False))


async def send_empty(send: Send, status: int, headers: Headers | None = None) -> None:
    """An answer without a body; 204 must not even announce its length (RFC 9110, 8.6)."""
    length = [] if status == 204 else [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": [*(headers or ()), *length]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class RelayResponse:
    """Implements `gateway.driver.ClientResponse`. `outcome` is for the log, "" until there is one.

    `headers` go with a JSON answer; set them before `reply`.
    """

    __slots__ = (
        "_accept", "_era", "_ident", "_method", "_receive", "_send", "_streaming", "_token",
        "gone", "headers", "hung_up", "outcome", "request_id",
    )  # fmt: skip

    def __init__(self, receive: Receive, send: Send, request_id: str, era: Era, ident: bytes) -> None:
        """`ident`: the request's id as JSON, empty where none was readable."""
        self.request_id = request_id
        self.headers: Headers = [(b"x-request-id", request_id.encode())]
        self.hung_up = _HUNG_UP[era]
        self.outcome = ""
        self._receive = receive
        self._send = send
        self._era = era
        self._ident = ident
        self._method = ""
        self._token = b""
        self._accept = PLAIN
        self._streaming = False
        self.gone = False

    def expects(self, method: str, token: bytes, accept: Accept) -> None:
        """What the client asked, the token it names progress by (JSON), and the forms of answer it takes."""
        self._method, self._token, self._accept = method, token, accept

    def __repr__(self) -> str:
        return f"<RelayResponse {self._method} {'stream' if self._streaming else 'open'} {self.outcome}>"

    async def stream(self, notice: Noticed) -> None:
        """Pass a notification on; dropped for a client that takes JSON alone."""
        if await self._started():
            await self._write(encode_event(to_notice(notice, self._token)), more=True)

    async def keep_alive(self) -> None:
        """Show that the call lives, to the client and to every proxy in the path."""
        if await self._started():
            await self._write(KEEP_ALIVE, more=True)

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        """The answer. Nothing may follow. A status that says something is sent whatever the client takes."""
        status, body = self._answer(outcome)
        if self._streaming or (status == 200 and self._accept.stream_first):
            await self._started()
            await self._write(encode_event(body), more=False)
        else:
            head = [JSON, (b"content-length", b"%d" % len(body)), *self.headers]
            await self._emit(_start(status, head), _body(body, more=False), bounded=len(body) > SMALL)

    async def finish(self) -> None:
        """End a stream that has no answer."""
        await self._write(b"", more=False)

    async def closed(self) -> None:
        """Returns once the client has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True

    def _answer(self, outcome: Result | PeerError | Fault) -> tuple[int, bytes]:
        if isinstance(outcome, Fault):
            self.outcome = outcome.kind.value
            return to_answer(outcome, self._ident, self._era, self.request_id)
        if isinstance(outcome, PeerError):
            self.outcome = "error"
            return to_peer_answer(outcome, self._ident, self._era, self.request_id)
        if self._era is Era.LEGACY:
            raw = downstream_legacy.to_result(outcome)
        else:
            raw = downstream_modern.to_result(self._method, outcome)
        self.outcome = "tool_error" if any(mark in raw for mark in _IS_ERROR) else "ok"
        return 200, jsonrpc.result(self._ident, raw)

    async def _started(self) -> bool:
        """Commit to a stream, where the client takes one."""
        if not self._streaming and self._accept.stream:
            self._streaming = True
            await self._emit(
                {"type": "http.response.start", "status": 200, "headers": [*_STREAM_HEADERS, *self.headers]}
            )
        return self._streaming

    async def _write(self, body: bytes, *, more: bool) -> None:
        await self._emit(_body(body, more=more))

    async def _emit(self, *messages: Message, bounded: bool = True) -> None:
        if self.gone:
            return
        try:
            async with asyncio.timeout(WRITE_TIMEOUT) if bounded else _UNBOUNDED:
                for message in messages:
                    await self._send(message)
        except (TimeoutError, OSError):
            self.gone = True


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
