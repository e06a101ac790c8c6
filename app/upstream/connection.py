"""One upstream session: our ids, which answer belongs to which request, and the era's dialect.

Knows no wire and no pool; the hot path (`send`, `received`) is synchronous and decodes the envelope alone. Theory of
operation: every request has an integer id of ours, never used twice in a session, which is its progress token too.
Whoever removes an id from `_pending` owes its sink the last event; what comes for an id not in there is late and is
dropped (PROTOCOL.md sections 5 and 8).
"""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from app.protocol.faults import Fault
from app.protocol.versions import Era
from app.relay import questions, upstream_legacy, upstream_modern
from app.relay.events import (
    Failed,
    Finished,
    Given,
    Noticed,
    Paused,
    PeerError,
    Request,
    Result,
    Sink,
    UpstreamEvent,
)
from app.relay.logs import MESSAGE
from app.upstream.inquiries import Inquiries
from app.upstream.replies import Reply, malformed
from app.upstream.transport import Outgoing, Transport
from app.upstream.unasked import Feed, Unasked
from app.upstream.wire import (
    ABSENT,
    Envelope,
    is_object,
    named_id,
    own_id,
    progress_token,
    read_batch,
    read_envelope,
    repaired,
)

log = logging.getLogger("app.upstream")

# The spec forbids to cancel the first, and no probe is worth a second message.
_NEVER_CANCELLED = frozenset({"initialize", "server/discover"})
_NO_HEADERS: dict[str, str] = {}
# A server that speaks something else on its wire is noted, not quoted for ever.
_NOISE_LOGGED = 5
_MOST_CANCELLED = 1000


@lru_cache(maxsize=64)
def _encoded(method: str) -> bytes:
    return msgspec.json.encode(method)


class Connection:
    """`Receiver` of one transport. Until `adopt` it speaks the era it was made with, for negotiation alone.

    `on_changed` hears the kind of each list_changed, `on_closed` the fault that ended the session, once.
    """

    def __init__(
        self,
        transport: Transport,
        server: str,
        era: Era = Era.LEGACY,
        *,
        remote: bool = False,
        on_changed: Callable[[str], None] | None = None,
        on_closed: Callable[[Fault], None] | None = None,
    ) -> None:
        self.server = server
        self.era = era
        self.version = ""
        self.fault: Fault | None = None
        """Why the session is over; None while it lives."""
        self.transport = transport
        self.remote = remote
        self.unasked = Unasked(server, on_changed)
        """What the server says of its own accord."""
        self._on_closed = on_closed
        self._pending: dict[int, Sink] = {}
        self._next_id = 1
        self._legacy_headers: dict[str, str] = _NO_HEADERS
        self._noise = 0
        self._on_failed: Callable[[Fault, int], None] | None = None
        self._standing: dict[int, Callable[[], None]] = {}
        self.inquiries = Inquiries(server, self._write_answer)
        """What the server asks of its client."""
        self.cancelled: set[int] = set()
        """Requests that were cancelled and never answered: the server may be at them still, and may ask."""
        self.heard = 0
        """Messages received so far: it rises while the server lives."""
        self._failures = 0

    def __repr__(self) -> str:
        state = "closed" if self.fault else f"{len(self._pending)} pending"
        return f"<Connection {self.server} {self.era.value} {self.version or 'new'} {state}>"

    @property
    def pending(self) -> int:
        """Requests under way, without the feeds, which are no calls."""
        return len(self._pending) - sum(feed in self._pending for feed in self.unasked.feeds)

    @property
    def asked(self) -> int:
        """The id of the last request so far."""
        return self._next_id - 1

    def works_since(self, request_id: int) -> bool:
        """Whether a request is under way that is as old as this one or older; a feed is none."""
        return any(ident <= request_id for ident in self._pending if ident not in self.unasked.feeds)

    def adopt(self, era: Era, version: str) -> None:
        """From here on requests are written in this revision."""
        self.era, self.version = era, version
        self._legacy_headers = {"MCP-Protocol-Version": version} if era is Era.LEGACY and self.remote else _NO_HEADERS

    def listen(
        self,
        on_changed: Callable[[str], None],
        on_closed: Callable[[Fault], None],
        on_failed: Callable[[Fault, int], None] | None = None,
    ) -> None:
        """Who hears of changes and of the end from here on; `on_failed`: of each request without an answer in a row."""
        self.unasked.on_changed, self._on_closed, self._on_failed = on_changed, on_closed, on_failed
        if self.fault:
            on_closed(self.fault)

    def send(self, request: Request, sink: Sink) -> int:
        """Relay a request; returns our id for `cancel`. The sink may be called before this returns."""
        request_id = self._next_id
        if self.era is Era.LEGACY:
            level = self.unasked.logs.lowered_by(request) if request.meta and not self.fault else None
            if level is not None:
                return self._send_at_level(level, request, sink)
            params, headers = upstream_legacy.to_params(request, request_id), self._legacy_headers
        else:
            if request.meta:
                self.unasked.logs.mark(request_id, request, self._pending)
            params = upstream_modern.to_params(request, request_id, self.version)
            headers = _NO_HEADERS
            if self.remote:
                headers = upstream_modern.to_headers(request, self.version)
        return self._write(request.method, params, headers, sink)

    def _send_at_level(self, level: str, request: Request, sink: Sink) -> int:
        """Send a request once the server has taken the level it is to log at; what it says to that is no matter."""
        request_id = self._next_id
        self._next_id += 1
        self._pending[request_id] = sink

        waits = True

        def then(event: UpstreamEvent) -> None:
            nonlocal waits
            if isinstance(event, Noticed) or not waits:
                return
            waits = False
            if self._standing.get(request_id) is unwanted:  # and not what a task run put in its place
                del self._standing[request_id]
            if request_id not in self._pending:
                return  # the session has ended
            params = upstream_legacy.to_params(request, request_id)
            body = self._body(request_id, request.method, params)
            self.transport.send(Outgoing(request.method, body, request_id, self._legacy_headers))

        def unwanted() -> None:
            # No clock ends that request itself, and what has no end looks like a server at work (`works_since`).
            self.settle(level_id)
            self.transport.abandon(level_id)

        level_id, self._standing[request_id] = self._next_id, unwanted
        self._write("logging/setLevel", b'{"level":"%b"}' % level.encode(), self._legacy_headers, then)
        return request_id

    def cancel(self, request_id: int, reason: str) -> None:
        """The answer is wanted no more: tell the server, forget the request. Unknown ids are ignored."""
        if self._pending.pop(request_id, None) is None:
            return
        if (instead := self._standing.pop(request_id, None)) is not None:
            instead()
            return
        if not self.transport.cancels_by_closing:
            params = msgspec.json.encode({"requestId": request_id, "reason": reason})
            self.notify("notifications/cancelled", params)
        # Beyond so many they are no longer told apart: 0 is nobody's id.
        self.cancelled.add(request_id if len(self.cancelled) < _MOST_CANCELLED else 0)
        self.transport.abandon(request_id)

    def hold(self, request_id: int, sink: Sink, instead: Callable[[], None]) -> None:
        """A request stands for what is done in its name, answered or not, until `settle`; `instead` is its cancel."""
        self._pending[request_id] = sink
        self._standing[request_id] = instead

    def settle(self, request_id: int) -> None:
        """What was done in the name of a request is over; nothing is told."""
        self._pending.pop(request_id, None)
        self._standing.pop(request_id, None)

    def answer(self, key: str, given: Given) -> None:
        """The client's answer to what the server asked under `key`. Unknown keys are ignored."""
        self.inquiries.answer(key, given)

    def notify(self, method: str, params: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a notification; `params` is JSON, nothing for none. `headers` go beside those of the era."""
        body = b'{"jsonrpc":"2.0","method":%b%b}' % (_encoded(method), b',"params":' + params if params else b"")
        self.transport.send(Outgoing(method, body, None, {**self._legacy_headers, **(headers or {})}))

    def tell(self, request: Request) -> None:
        """Relay a notification."""
        if self.era is Era.LEGACY:
            self.notify(request.method, upstream_legacy.to_params(request, 0))
            return
        headers = upstream_modern.to_headers(request, self.version) if self.remote else _NO_HEADERS
        self.notify(request.method, upstream_modern.to_params(request, 0, self.version), headers)

    async def ask(
        self, method: str, params: bytes, headers: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> Result | PeerError:
        """Send ready-made params and wait for the answer. Raises `UpstreamError`; a timeout is one of kind TIMEOUT."""
        return await self._answer(lambda sink: self._write(method, params, dict(headers or {}), sink), method, timeout)

    async def call(self, request: Request, timeout: float) -> Result | PeerError:
        """`send` for callers that wait. Raises as `ask` does."""
        return await self._answer(lambda sink: self.send(request, sink), request.method, timeout)

    async def subscribe(
        self,
        request: Request,
        acknowledged: Callable[[msgspec.Raw], None] | None = None,
        of_task: Callable[[msgspec.Raw], None] | None = None,
    ) -> Result | PeerError:
        """`call` for a feed of changes: it lasts. Raises when it is lost.

        `acknowledged` hears the params of its acknowledgement; without it that counts as a change of the lists.
        `of_task` hears the params of what is told of tasks on it.
        """
        feed = self._next_id

        def send(sink: Sink) -> int:
            self.unasked.feeds[feed] = Feed(acknowledged, of_task)
            return self.send(request, sink)

        try:
            return await self._answer(send, request.method, None)
        finally:
            del self.unasked.feeds[feed]

    async def _answer(self, send: Callable[[Sink], int], method: str, timeout: float | None) -> Result | PeerError:
        reply = Reply(self.server, self.inquiries.decline)
        request_id = send(reply.take)
        try:
            return await reply.outcome(method, timeout)
        finally:
            if not reply.came and method in _NEVER_CANCELLED:
                self.settle(request_id)
                self.transport.abandon(request_id)
            elif not reply.came:
                self.cancel(request_id, "The answer is not needed any more.")

    def _write(self, method: str, params: bytes, headers: dict[str, str], sink: Sink) -> int:
        request_id = self._next_id
        self._next_id = request_id + 1
        if self.fault:
            sink(Failed(msgspec.structs.replace(self.fault, unsent=True)))
            return request_id
        self._pending[request_id] = sink
        self.transport.send(Outgoing(method, self._body(request_id, method, params), request_id, headers))
        return request_id

    def _body(self, request_id: int, method: str, params: bytes) -> bytes:
        return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (request_id, _encoded(method), params)

    # What the transport calls.

    def received(self, message: bytes, origin: int | None = None) -> None:
        self.heard += 1
        self._failures = 0
        message = repaired(message)
        envelope = read_envelope(message)
        if envelope is None:
            self._received_odd(message, origin)
            return
        try:
            self._dispatch(envelope, origin)
        except Exception:
            # The pump's boundary: a sink that fails is a bug of ours, and costs that one message.
            log.exception("server=%s a message was not delivered", self.server)

    def failed(self, request_id: int | None, fault: Fault) -> None:
        sink = self._pending.pop(request_id, None) if request_id is not None else None
        if sink:
            sink(Failed(fault))
        elif request_id is None:
            log.info("server=%s a message was not delivered: %s", self.server, fault.message)
        if request_id is not None and request_id not in self.unasked.feeds and self._on_failed:
            self._failures += 1
            self._on_failed(fault, self._failures)

    def paused(self, request_id: int, retry: int) -> None:
        if sink := self._pending.get(request_id):
            sink(Paused(retry))

    def lost(self, fault: Fault) -> None:
        log.warning("server=%s %s pending=%d", self.server, fault.message, len(self._pending))
        self._fail_all(fault)

    def ending(self, fault: Fault) -> None:
        if self.fault is None:
            self.fault = fault
            if self._on_closed:
                self._on_closed(fault)

    def closed(self, fault: Fault) -> None:
        self._fail_all(self.fault or fault)
        self.ending(fault)

    def _fail_all(self, fault: Fault) -> None:
        pending, self._pending = self._pending, {}
        for sink in pending.values():
            sink(Failed(fault))

    def _dispatch(self, envelope: Envelope, origin: int | None) -> None:
        if envelope.method:
            if envelope.id is None:
                self._notified(envelope.method, envelope.params, origin)
            else:
                self._asked(envelope.method, envelope.id, envelope.params, origin)
            return
        request_id = own_id(envelope.id)
        sink = self._pending.pop(request_id, None) if request_id is not None else None
        if sink is None:
            # Late, or for nobody (an error may lack its id): neither is anyone's news.
            self.cancelled.discard(request_id or -1)
            log.debug("server=%s an answer to no pending request", self.server)
        elif envelope.error is not ABSENT and is_object(envelope.error):
            sink(Finished(PeerError(envelope.error)))
        elif envelope.result is not ABSENT and is_object(envelope.result):
            legacy = self.era is Era.LEGACY
            sink(Finished(Result(envelope.result, self.era)) if legacy else upstream_modern.to_outcome(envelope.result))
        else:
            sink(Failed(malformed(self.server)))

    def _notified(self, method: str, params: msgspec.Raw, origin: int | None) -> None:
        if method == "notifications/progress":
            token = progress_token(params)
            sink = self._pending.get(token) if token is not None else None
            if sink:
                sink(Noticed(method, params))
            elif token is not None:
                self.unasked.awaited.progressed(token, params)
        elif method == "notifications/cancelled":
            self.inquiries.withdrawn(params)
        else:
            if origin is None and method == MESSAGE:
                origin = self.inquiries.newest(self._pending)
            self.unasked.take(method, params, self.era, self._pending, origin)

    def _asked(self, method: str, ident: float | str, params: msgspec.Raw, origin: int | None) -> None:
        if self.era is Era.MODERN:
            return  # its servers send no requests, and its clients no responses (2026-07-28, transports)
        if method in questions.METHODS:
            self.inquiries.asked(method, ident, params, self._pending, origin)
        else:
            self._write_answer(ident, msgspec.Raw(b"{}") if method == "ping" else questions.UNKNOWN)

    def _write_answer(self, ident: float | str, given: Given) -> None:
        told = b'"error":%b' % bytes(given.raw) if isinstance(given, PeerError) else b'"result":%b' % bytes(given)
        body = b'{"jsonrpc":"2.0","id":%b,%b}' % (msgspec.json.encode(ident), told)
        self.transport.send(Outgoing("", body, None, self._legacy_headers))

    def _received_odd(self, message: bytes, origin: int | None) -> None:
        members = read_batch(message)
        for member in members:
            self.received(member, origin)
        if members:
            return
        request_id = named_id(message)
        sink = self._pending.pop(request_id, None) if request_id is not None else None
        if sink:
            sink(Failed(malformed(self.server)))
            return
        self._noise += 1
        if self._noise <= _NOISE_LOGGED:
            shown, last = message[:200].decode(errors="replace"), self._noise == _NOISE_LOGGED
            log.warning("server=%s not a JSON-RPC message, ignored: %r%s", self.server, shown,
                        " (further ones are not logged)" if last else "")  # fmt: skip
