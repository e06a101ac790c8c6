"""The answer to one call, committed as late as it can be: JSON with its status, or a stream once something precedes it.
Where the client would rather have a stream, what has no status of its own is one of one event.

Our own ASGI response, since neither Litestar's `Stream` nor its `Response` decides late or watches for the client's
hang-up (DESIGN.md rule 2). Theory of operation: the first `stream` or `keep_alive` starts an event stream, where the
client takes one, and the `WAITED`th `keep_alive` an answer in JSON elsewhere, with white space before its value
(RFC 8259, 2); `reply` ends whichever form there is; after a hang-up every write is empty. A client that takes no byte
for `WRITE_TIMEOUT` seconds is gone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

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
JSON = (b"content-type", b"application/json")
_UNHELD = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), *_UNHELD]
SLOW_JSON_HEADERS = [JSON, *_UNHELD]
_HUNG_UP: dict[Era, Disconnected | Detached] = {
    Era.LEGACY: downstream_legacy.HUNG_UP,
    Era.MODERN: downstream_modern.HUNG_UP,
}
SPACE = b" "


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

    outcome = ""
    log_level = logs.NOTHING
    version = LATEST_LEGACY
    shared = True
    gone = False
    record: Callable[[Send], Recorder] | None = None
    _method = ""
    _token = b""
    _accept = PLAIN
    _reached: float | None = None
    _streaming = False
    _quiet = 0
    _recorder: Recorder | None = None

    def __init__(self, receive: Receive, send: Send, request_id: str, era: Era, ident: bytes) -> None:
        """`ident`: the request's id as JSON, empty where none was readable."""
        self.request_id = request_id
        self.headers: Headers = [(b"x-request-id", request_id.encode())]
        self.hung_up = _HUNG_UP[era]
        self._receive = receive
        self._send = send
        self._era = era
        self._ident = ident

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

    def reply(self, outcome: Result | PeerError | Fault) -> Coroutine[Any, Any, None]:
        """The answer. Nothing may follow. A status that says something is sent whatever the client takes."""
        return self._answer(*self._rendered(outcome))

    def give(self, *result: bytes) -> Coroutine[Any, Any, None]:
        """The answer where it is our own: the pieces of its `result`, ready-made. Nothing may follow."""
        self.outcome = "ok"
        return self._answer(200, b"".join((b'{"jsonrpc":"2.0","id":', self._ident, b',"result":', *result, b"}")))

    async def _answer(self, status: int, body: bytes) -> None:
        if self._streaming or (status == 200 and self._accept.stream_first):
            await self._started()
            await self._write(encode_event(body), more=False)
        elif self._quiet >= WAITED:
            await self._write(body, more=False)
        else:
            head = [JSON, (b"content-length", b"%d" % len(body)), *self.headers]
            if len(body) > SMALL or self.gone:
                await self._emit(_start(status, head), _body(body, more=False))
                return
            try:
                await self._send(_start(status, head))
                await self._send(_body(body, more=False))
            except OSError:
                self.gone = True

    async def tell(self, notice: Noticed) -> None:
        """Pass on a notification as it is, of no call that this answers."""
        if await self._started():
            await self._write(encode_event(jsonrpc.notification(notice.method, bytes(notice.params))), more=True)

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

    def _rendered(self, outcome: Result | PeerError | Fault) -> tuple[int, bytes]:
        if isinstance(outcome, Fault):
            self.outcome = outcome.kind.value
            return to_answer(outcome, self._ident, self._era, self.request_id)
        if isinstance(outcome, PeerError):
            self.outcome = "error"
            return to_peer_answer(outcome, self._ident, self._era, self.request_id, self._method)
        if self._era is Era.LEGACY:
            raw = downstream_legacy.to_result(self._method, outcome, self.version)
            if isinstance(raw, Fault):
                return self._rendered(raw)
        else:
            raw = downstream_modern.to_result(self._method, outcome, shared=self.shared)
        failed = self._method == "tools/call" and (b'"isError":true' in raw or b'"isError": true' in raw)
        self.outcome = "tool_error" if failed else "ok"
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

    async def _emit(self, *messages: Message) -> None:
        if self.gone:
            if self._recorder is not None:
                for message in messages:
                    self._recorder.keep(message)
            return
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                for message in messages:
                    await self._send(message)
        except (TimeoutError, OSError):
            self.gone = True


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
