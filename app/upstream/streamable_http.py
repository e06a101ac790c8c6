"""Streamable HTTP towards a server, both eras: one POST per message, its answer as JSON or as an event stream.

Theory of operation: one task owns the session and the group its POSTs run in; a POST ends in exactly one of an answer
delivered, a fault, or silence (abandoned, or the session is over), and never touches its siblings. A legacy session
begins with the id in the answer to `initialize`; after `notifications/initialized` is taken, which all else waits for,
its GET stream is opened where offered. Redirects are not followed. (2025-11-25 and 2026-07-28, "Streamable HTTP")
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable

import anyio
import msgspec
from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from app.config.snapshot import ServerSpec
from app.protocol import jsonrpc
from app.protocol.faults import Fault, Kind
from app.protocol.sse import MESSAGE, Decoder, Event
from app.protocol.versions import Era
from app.upstream.errors import UpstreamError
from app.upstream.http_client import HttpClient
from app.upstream.http_faults import describe, fault_of, refusal
from app.upstream.http_stream import FIRST_DELAY, End, is_stream, listen, pause, pump
from app.upstream.transport import Outgoing, Receiver
from app.upstream.wire import ABSENT, is_object, own_id, read_envelope

log = logging.getLogger("app.upstream")

MESSAGE_LIMIT = 16 * 1024 * 1024
ERROR_LIMIT = 64 * 1024
# `notifications/initialized` must arrive before the first request; a server that never takes it must not stop us.
GATE_LIMIT = 5.0
CLOSE_GRACE = 1.0
DELETE_LIMIT = 2.0
RESUME_ATTEMPTS = 3
# What the config may not set: these describe our messages.
_OURS = frozenset({
    "accept", "connection", "content-length", "content-type", "mcp-method", "mcp-name", "mcp-protocol-version",
    "mcp-session-id", "transfer-encoding",
})  # fmt: skip
# Statuses that say more than a JSON-RPC error beside them.
_TELLING = frozenset({401, 403, 407, 429, 502, 503, 504})
# Servers of the TypeScript SDK's examples answer 400 to a session they have lost, where the spec has 404.
_LOST_SESSION = re.compile(rb"session|not initialized", re.IGNORECASE)

StartSoon = Callable[[Callable[[], Awaitable[None]]], object]


class _Stopped(Exception):
    """Ends the group of POSTs."""


class _ErrorCode(msgspec.Struct):
    code: int = 0


class _Agreed(msgspec.Struct):
    protocolVersion: str = ""


class StreamableHttpTransport:
    """A `Transport`. `start_soon` starts its owner task in a group of the caller's; `client` None means one of its own."""

    def __init__(self, spec: ServerSpec, era: Era, start_soon: StartSoon, client: HttpClient | None = None) -> None:
        self._spec = spec
        self._legacy = era is Era.LEGACY
        self._start_soon = start_soon
        self._own_client = HttpClient(os.environ) if client is None else None
        self._http = client or self._own_client
        self._client: Client | None = None
        self._receiver: Receiver | None = None
        self._posts: asyncio.TaskGroup | None = None
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._base = {name.lower(): value for name, value in spec.headers.items() if name.lower() not in _OURS}
        self._base["accept"] = "application/json, text/event-stream"
        self._session = ""
        self._gate: asyncio.Event | None = None
        self._over = False
        self._closing = False
        self._started, self._stop, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def __repr__(self) -> str:
        state = "over" if self._over else f"{len(self._answers)} awaited"
        return f"<StreamableHttpTransport {self._spec.name} {'legacy' if self._legacy else 'modern'} {state}>"

    @property
    def cancels_by_closing(self) -> bool:
        return not self._legacy

    async def open(self, receiver: Receiver) -> None:
        """Connects to nothing yet. Raises `UpstreamError` for a URL or a header that no request can carry."""
        assert self._http is not None
        self._receiver = receiver
        try:
            self._client = await self._http.reach(self._spec.url)
            self._client.post(self._spec.url).headers(self._base).build_streamed()
        except ValueError as error:
            raise UpstreamError(
                self._fault(Kind.UNREACHABLE, "has a `url` or a header that cannot be sent"), str(error)
            ) from None
        except PyreqwestError as error:
            raise UpstreamError(fault_of(self._spec.name, error), describe(error)) from None
        self._start_soon(self._own)
        await self._started.wait()

    def send(self, message: Outgoing) -> None:
        if self._over or self._posts is None:
            self._failed(message.id, self._fault(Kind.CLOSED, "has no session any more"))
            return
        task = self._posts.create_task(self._post(message))
        if message.id is not None:
            self._answers[message.id] = task
        elif message.method == "notifications/initialized":
            self._gate = asyncio.Event()

    def abandon(self, request_id: int) -> None:
        task = self._answers.pop(request_id, None)
        if task:
            task.cancel()

    async def close(self) -> None:
        self._over = True
        if self._closing:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            self._stop.set()
            if self._started.is_set():
                with anyio.move_on_after(CLOSE_GRACE):
                    await self._ended.wait()
            if self._session:
                with anyio.move_on_after(DELETE_LIMIT):
                    await self._delete()
            if self._own_client:
                await self._own_client.close()

    async def _own(self) -> None:
        try:
            async with asyncio.TaskGroup() as posts:
                self._posts = posts
                self._started.set()
                await self._stop.wait()
                raise _Stopped
        except* _Stopped:
            pass
        finally:
            self._over = True
            self._ended.set()

    async def _delete(self) -> None:
        assert self._client is not None
        try:
            async with self._client.delete(self._spec.url).headers(self._base).build_streamed():
                pass  # 405 says that the server ends sessions by itself
        except PyreqwestError as error:
            log.debug("server=%s session not deleted: %s", self._spec.name, describe(error))

    async def _post(self, message: Outgoing) -> None:
        """The pump of one message: whatever happens in here stays in here."""
        try:
            if self._gate and message.method != "notifications/initialized":
                with anyio.move_on_after(GATE_LIMIT):
                    await self._gate.wait()
            async with self._request(message) as response:
                if 200 <= response.status < 300:
                    await self._accepted(message, response)
                else:
                    await self._refused(message, response)
        except PyreqwestError as error:
            log.debug("server=%s POST failed: %s", self._spec.name, describe(error))
            self._failed(message.id, fault_of(self._spec.name, error))
        except Exception:
            log.exception("server=%s a message was not sent", self._spec.name)
            self._failed(message.id, self._fault(Kind.INTERNAL, "could not be asked"))
        finally:
            if message.id is not None:
                self._answers.pop(message.id, None)
            elif self._gate and message.method == "notifications/initialized":
                self._initialized(self._gate)

    def _request(self, message: Outgoing) -> StreamRequest:
        assert self._client is not None
        headers = {**self._base, "content-type": "application/json"}
        for name, value in message.headers.items():
            headers[name.lower()] = value
        return self._client.post(self._spec.url).headers(headers).body_bytes(message.body).build_streamed()

    def _initialized(self, gate: asyncio.Event) -> None:
        gate.set()
        self._gate = None
        if self._session and self._legacy and not self._over and self._posts:
            self._posts.create_task(self._listen())

    async def _listen(self) -> None:
        """The server's own stream, for as long as the session lasts."""
        if await listen(self._resumption, self._overheard, self._spec.name) == 404:
            self._session_over(None)

    def _resumption(self, last_id: bytes) -> StreamRequest:
        assert self._client is not None
        headers = {**self._base, "accept": "text/event-stream"}
        if last_id:
            headers["last-event-id"] = last_id.decode("utf-8", "replace")
        return self._client.get(self._spec.url).headers(headers).build_streamed()

    def _overheard(self, event: Event) -> bool:
        self._deliver(event, None)
        return False

    async def _accepted(self, message: Outgoing, response: Response) -> None:
        if message.method == "initialize" and self._legacy:
            self._session = response.get_header("mcp-session-id") or ""
            if self._session:
                self._base["mcp-session-id"] = self._session
        if message.id is None:
            await _body(response, ERROR_LIMIT)
        elif is_stream(response):
            await self._streamed(message, response)
        else:
            body = await _body(response, MESSAGE_LIMIT)
            if body is None:
                self._failed(message.id, self._too_large())
            elif not body.lstrip()[:1] in (b"{", b"["):
                what = f"answered {message.method} without a JSON-RPC message (HTTP {response.status})"
                self._failed(message.id, self._fault(Kind.PROTOCOL, what))
            elif not self._answered(body, message):
                self._failed(
                    message.id, self._fault(Kind.PROTOCOL, "answered another request than the one it was sent")
                )

    async def _streamed(self, message: Outgoing, response: Response) -> None:
        decoder = Decoder(MESSAGE_LIMIT)

        def take(event: Event) -> bool:
            return self._deliver(event, message)

        end = await self._pumped(response, decoder, take)
        attempts = 0
        while end is End.EXHAUSTED and decoder.last_id and self._legacy and attempts < RESUME_ATTEMPTS:
            # The server let go of the connection, not of the request: it gave us a place to go on from.
            await asyncio.sleep(pause(decoder.retry, FIRST_DELAY))
            before, attempts = decoder.last_id, attempts + 1
            decoder = decoder.resumed()
            async with self._resumption(before) as resumption:
                if resumption.status != 200 or not is_stream(resumption):
                    break
                end = await self._pumped(resumption, decoder, take)
            if decoder.last_id != before:
                attempts = 0
        if end is End.OVERFLOWED:
            self._failed(message.id, self._too_large())
        elif end is End.EXHAUSTED:
            self._failed(message.id, self._fault(Kind.CLOSED, "ended its answer before it was complete"))

    async def _pumped(self, response: Response, decoder: Decoder, take: Callable[[Event], bool]) -> End:
        try:
            return await pump(response, decoder, take)
        except PyreqwestError as error:
            log.debug("server=%s stream broke off: %s", self._spec.name, describe(error))
            return End.EXHAUSTED

    async def _refused(self, message: Outgoing, response: Response) -> None:
        status, retry_after = response.status, response.get_header("retry-after")
        if message.id is not None and status >= 400 and status not in _TELLING and not retry_after:
            body = await _body(response, ERROR_LIMIT)
            error = _error_of(body) if body else None
            if error is not None and not (self._session and _loses_session(status, error)):
                self._answered(jsonrpc.error(b"%d" % message.id, error), message)
                return
            if error is not None:
                self._session_over(message.id)
                return
        if status == 404 and self._session:
            self._session_over(message.id)
        else:
            self._failed(message.id, refusal(self._spec.name, status, retry_after))

    def _session_over(self, request_id: int | None) -> None:
        if self._over:
            return
        fault = self._fault(Kind.CLOSED, "has ended the session")
        self._over = True
        self._session = ""
        assert self._receiver is not None
        if request_id is not None:
            self._receiver.failed(request_id, fault)
        self._receiver.closed(fault)
        self._stop.set()

    def _deliver(self, event: Event, message: Outgoing | None) -> bool:
        """Hand an event on; whether it answered `message`."""
        if event.event != MESSAGE or not event.data:
            return False  # a priming event, or one of a later revision
        if message is not None:
            return self._answered(event.data, message)
        assert self._receiver is not None
        self._receiver.received(event.data)
        return False

    def _answered(self, text: bytes, message: Outgoing) -> bool:
        """Hand on what came for a POST; whether it was the answer. An error without an id can only be the answer."""
        assert self._receiver is not None and message.id is not None
        answers = starts_answer(text, message.id)
        if not answers and (envelope := read_envelope(text)) and not envelope.method:
            if envelope.id is None and envelope.error is not ABSENT and is_object(envelope.error):
                text, answers = jsonrpc.error(b"%d" % message.id, bytes(envelope.error)), True
            else:
                answers = own_id(envelope.id) == message.id
        elif not answers and text.lstrip()[:1] == b"[":
            answers = True  # a batch (2025-03-26): the connection takes it apart
        if answers and message.method == "initialize":
            self._agree(text)
        self._receiver.received(text)
        return answers

    def _agree(self, text: bytes) -> None:
        """From now on every request names the revision that was agreed on (2025-06-18)."""
        envelope = read_envelope(text)
        if envelope and is_object(envelope.result):
            version = _read(envelope.result, _Agreed())
            if version.protocolVersion:
                self._base["mcp-protocol-version"] = version.protocolVersion

    def _failed(self, request_id: int | None, fault: Fault) -> None:
        assert self._receiver is not None
        self._receiver.failed(request_id, fault)

    def _too_large(self) -> Fault:
        return self._fault(Kind.PROTOCOL, f"sent a message over {MESSAGE_LIMIT >> 20} MB")

    def _fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"Server '{self._spec.name}' {what}.", server=self._spec.name)
