"""The answer to one call, committed as late as it can be: JSON with its status, or a stream once something precedes it.
Where the client would rather have a stream, what has no status of its own is one of one event.

Our own ASGI response, since neither Litestar's `Stream` nor its `Response` decides late or watches for the client's
hang-up (DESIGN.md rule 2). Theory of operation: the first `stream` or `keep_alive` starts an event stream, where the
client takes one, and the `WAITED`th `keep_alive` an answer in JSON elsewhere, with white space before its value
(RFC 8259, 2); `reply` ends whichever form there is; after a hang-up every write is empty. A client that takes no byte
for `WRITE_TIMEOUT` seconds is gone.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Protocol

import msgspec
from litestar.types import Message, Receive, Send

from app.downstream.faults import to_answer, to_peer_answer
from app.protocol import jsonrpc
from app.protocol.classify import Accept
from app.protocol.faults import Fault
from app.protocol.sse import KEEP_ALIVE, encode_event
from app.protocol.versions import LATEST_LEGACY, Era
from app.relay import downstream_legacy, downstream_modern, logs
from app.relay.events import Detached, Disconnected, Noticed, PeerError, Result
from app.relay.notices import PROGRESS, progress_of, to_notice

WRITE_TIMEOUT = 60.0
# The sign of life with which an answer in JSON begins (after 50 s by `gateway.clock`): from then on its status is 200,
# whatever the outcome, so it is the last one before proxies give up (60 s by nginx's own default, 75 s in ours).
WAITED = 4
PLAIN = Accept(json=True, stream=False)
# Goes into the socket's buffer at once. Where a connection was stalled before, the kernel or nginx ends it, and a timer
# of our own for each small answer would cost more than the answer.
SMALL = 64 * 1024
_UNBOUNDED = nullcontext()
JSON = (b"content-type", b"application/json")
_UNHELD = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), *_UNHELD]
SLOW_JSON_HEADERS = [JSON, *_UNHELD]
_HUNG_UP: dict[Era, Disconnected | Detached] = {
    Era.LEGACY: downstream_legacy.HUNG_UP,
    Era.MODERN: downstream_modern.HUNG_UP,
}
SPACE = b" "
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


class Recorder(Protocol):
    """Stands where `send` stands and keeps what is written: `keep` for a client that is gone, `pause` lets one go."""

    async def __call__(self, message: Message) -> None: ...
    def keep(self, message: Message) -> Message: ...
    async def pause(self, retry: int) -> None: ...


class RelayResponse:
    """Implements `gateway.driver.ClientResponse`. `outcome` is for the log, "" until there is one.

    `log_level`: from which on log messages are passed on. `headers` go with a JSON answer, `version` is a legacy
    client's revision, `shared` whether every client has the same rights; set them before `reply`. `record` makes of the
    connection what keeps a stream on it: called once one begins, so that an answer in JSON costs nothing.
    """

    __slots__ = (
        "_accept", "_era", "_ident", "_method", "_quiet", "_reached", "_receive", "_recorder", "_send", "_streaming",
        "_token", "gone", "headers", "hung_up", "log_level", "outcome", "record", "request_id", "shared", "version",
    )  # fmt: skip

    def __init__(self, receive: Receive, send: Send, request_id: str, era: Era, ident: bytes) -> None:
        """`ident`: the request's id as JSON, empty where none was readable."""
        self.request_id = request_id
        self.headers: Headers = [(b"x-request-id", request_id.encode())]
        self.hung_up = _HUNG_UP[era]
        self.outcome = ""
        self.log_level = logs.NOTHING
        self.version = LATEST_LEGACY
        self.shared = True
        self._receive = receive
        self._send = send
        self._era = era
        self._ident = ident
        self._method = ""
        self._token = b""
        self._reached: float | None = None
        self._accept = PLAIN
        self._streaming = False
        self._quiet = 0
        self._recorder: Recorder | None = None
        self.record: Callable[[Send], Recorder] | None = None
        self.gone = False

    def expects(self, method: str, token: bytes, accept: Accept) -> None:
        """What the client asked, the token it names progress by (JSON), and the forms of answer it takes."""
        self._method, self._token, self._accept = method, token, accept

    def __repr__(self) -> str:
        return f"<RelayResponse {self._method} {'stream' if self._streaming else 'open'} {self.outcome}>"

    async def stream(self, notice: Noticed) -> None:
        """Pass a notification on; dropped for a client that takes JSON alone. Progress that does not rise is none.

        A log message below the client's level is dropped too.
        """
        if notice.method == logs.MESSAGE and not logs.passes(notice.params, self.log_level):
            return
        if notice.method == PROGRESS:
            reached = progress_of(notice) if self._token else None
            if reached is None or (self._reached is not None and reached <= self._reached):
                return
            self._reached = reached
        if await self._started():
            await self._write(encode_event(to_notice(notice, self._token)), more=True)

    async def pause(self, retry: int) -> None:
        """Let go of a client whose stream is kept: it comes back for the rest, in `retry` milliseconds."""
        if self.record is None or self.gone or not await self._started():
            return
        assert self._recorder is not None, "whoever can be recorded is, once a stream begins"
        with suppress(OSError):
            await self._recorder.pause(retry)
        self.gone = True

    async def ask(self, ident: int, question: msgspec.Raw) -> None:
        """Ask the client something, by a request of that id; `question` is method and params."""
        if await self._started():
            await self._write(encode_event(jsonrpc.request(ident, question)), more=True)

    async def keep_alive(self) -> None:
        """Show that the call lives, to the client and to every proxy in the path."""
        if await self._started():
            await self._write(KEEP_ALIVE, more=True)
            return
        self._quiet += 1
        if self._quiet == WAITED:
            await self._emit(_start(200, [*SLOW_JSON_HEADERS, *self.headers]))
        if self._quiet >= WAITED:
            await self._write(SPACE, more=True)

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        """The answer. Nothing may follow. A status that says something is sent whatever the client takes."""
        status, body = self._answer(outcome)
        if self._streaming or (status == 200 and self._accept.stream_first):
            await self._started()
            await self._write(encode_event(body), more=False)
        elif self._quiet >= WAITED:
            await self._write(body, more=False)
        else:
            head = [JSON, (b"content-length", b"%d" % len(body)), *self.headers]
            await self._emit(_start(status, head), _body(body, more=False), bounded=len(body) > SMALL)

    async def write(self, event: bytes) -> None:
        """One event as it is, on a stream that has begun."""
        await self._write(event, more=True)

    def continues(self) -> None:
        """What follows goes on a stream that has begun elsewhere."""
        self._streaming = True

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
            return to_peer_answer(outcome, self._ident, self._era, self.request_id, self._method)
        if self._era is Era.LEGACY:
            raw = downstream_legacy.to_result(self._method, outcome, self.version)
            if isinstance(raw, Fault):
                return self._answer(raw)
        else:
            raw = downstream_modern.to_result(self._method, outcome, shared=self.shared)
        self.outcome = "tool_error" if any(mark in raw for mark in _IS_ERROR) else "ok"
        return 200, jsonrpc.result(self._ident, raw)

    async def _started(self) -> bool:
        """Commit to a stream, where the client takes one."""
        if not self._streaming and self._accept.stream:
            self._streaming = True
            if self.record is not None and not self.gone:
                self._send = self._recorder = self.record(self._send)
            await self._emit(
                {"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS, *self.headers]}
            )
        return self._streaming

    async def _write(self, body: bytes, *, more: bool) -> None:
        await self._emit(_body(body, more=more))

    async def _emit(self, *messages: Message, bounded: bool = True) -> None:
        if self.gone:
            if self._recorder is not None:
                for message in messages:
                    self._recorder.keep(message)
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
