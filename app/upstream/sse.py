"""HTTP+SSE (2024-11-05) as a `Transport`: one GET stream brings every message, POSTs to the address it names send ours.

Our own and not the SDK's client, which loses the statuses that our faults are made of and decodes every message twice.
The address must be of the stream's own origin: a server cannot make us send its credentials elsewhere.
"""

import asyncio
import logging
import os
from urllib.parse import urljoin, urlsplit

import anyio
from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.sse import MESSAGE, Decoder, Event
from app.upstream.errors import UpstreamError
from app.upstream.http_answer import error_in, loses_session, read_body
from app.upstream.http_client import HttpClient, streamed
from app.upstream.http_faults import describe, fault_of, refusal
from app.upstream.http_posts import Posts, StartSoon
from app.upstream.http_session import ERROR_LIMIT, MESSAGE_LIMIT, configured_headers, reach
from app.upstream.http_stream import End, is_stream, pump
from app.upstream.transport import Outgoing, Receiver

log = logging.getLogger("app.upstream")


class SseTransport:
    """`start_soon` starts the owner task in a group of the caller's; `client` None means one of its own."""

    def __init__(self, spec: ServerSpec, start_soon: StartSoon, client: HttpClient | None = None) -> None:
        self._spec = spec
        self._start_soon = start_soon
        self._client = client or HttpClient(os.environ)
        self._lent = client is not None
        self._posts = Posts(self._exchange)
        self._stream: _Stream | None = None
        self._closing = False

    def __repr__(self) -> str:
        return f"<SseTransport {self._spec.name} {self._posts}>"

    @property
    def cancels_by_closing(self) -> bool:
        return False

    async def open(self, receiver: Receiver) -> None:
        """Returns once the server has said where to post. Raises `UpstreamError`; how long it may take is not ours."""
        stream = self._stream = _Stream(self._spec, await reach(self._spec, self._client), receiver)
        await self._posts.open(self._start_soon)
        self._posts.spawn(self._read(stream))
        fault = await stream.opened
        if fault:
            raise UpstreamError(fault)

    def send(self, message: Outgoing) -> None:
        if not self._posts.send(message) and self._stream:
            self._stream.receiver.failed(message.id, self._stream.fault(Kind.CLOSED, "has no session any more"))

    def abandon(self, request_id: int) -> None:
        self._posts.abandon(request_id)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            await self._posts.close()
            if not self._lent:
                await self._client.close()

    async def _read(self, stream: "_Stream") -> None:
        await stream.read()
        self._posts.stop()

    async def _exchange(self, message: Outgoing) -> None:
        if self._stream:
            await self._stream.post(message)
            if self._stream.over:
                self._posts.stop()


class _Stream:
    """The session itself: it lives exactly as long as its stream."""

    def __init__(self, spec: ServerSpec, client: Client, receiver: Receiver) -> None:
        self.receiver = receiver
        self.over = False
        self.opened: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        self._spec = spec
        self._client = client
        self._headers = configured_headers(spec)
        self._address = ""

    def fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"Server '{self._spec.name}' {what}.", server=self._spec.name)

    async def read(self) -> None:
        """Until the stream ends, which is the end of the session."""
        headers = {**self._headers, "accept": "text/event-stream"}
        try:
            async with streamed(self._client.get(self._spec.url).headers(headers)) as response:
                if response.status != 200:
                    fault: Fault = refusal(self._spec.name, response.status, response.get_header("retry-after"))
                elif not is_stream(response):
                    fault = self.fault(Kind.PROTOCOL, "opened no event stream: is its `url` an SSE endpoint?")
                elif await pump(response, Decoder(MESSAGE_LIMIT), self._take) is End.OVERFLOWED:
                    fault = self.fault(Kind.PROTOCOL, f"sent a message over {MESSAGE_LIMIT >> 20} MB")
                else:
                    fault = self.fault(Kind.CLOSED, "closed its event stream")
        except PyreqwestError as error:
            log.debug("server=%s stream broke off: %s", self._spec.name, describe(error))
            fault = fault_of(self._spec.name, error)
        self._end(fault)

    async def post(self, message: Outgoing) -> None:
        """Send one message; its answer comes on the stream. Raises nothing but `CancelledError`."""
        headers = {**self._headers, "content-type": "application/json"}
        for name, value in message.headers.items():
            headers[name.lower()] = value
        try:
            async with streamed(self._client.post(self._address).headers(headers).body_bytes(message.body)) as response:
                body = await read_body(response, ERROR_LIMIT)
                if 200 <= response.status < 300:
                    return
                if loses_session(response.status, error_in(body or b"")):
                    self._end(self.fault(Kind.CLOSED, "has ended the session"))
                else:
                    fault = refusal(self._spec.name, response.status, response.get_header("retry-after"))
                    self.receiver.failed(message.id, fault)
        except PyreqwestError as error:
            log.debug("server=%s POST failed: %s", self._spec.name, describe(error))
            self.receiver.failed(message.id, fault_of(self._spec.name, error))
        except Exception:
            # The boundary of a pump: a bug met with one message must not end the others.
            log.exception("server=%s a message was not sent", self._spec.name)
            self.receiver.failed(message.id, self.fault(Kind.INTERNAL, "could not be asked"))

    def _take(self, event: Event) -> bool:
        """Whether to read no further; the first event says where to post."""
        if not self.opened.done():
            if event.event != b"endpoint":
                return False
            self._address = urljoin(self._spec.url, event.data.decode("utf-8", "replace").strip())
            refused = not _same_origin(self._address, self._spec.url)
            foreign = self.fault(Kind.PROTOCOL, "wants its messages posted to another host, which is not done")
            self.opened.set_result(foreign if refused else None)
            return refused
        if event.event == MESSAGE and event.data:
            self.receiver.received(event.data)
        return False

    def _end(self, fault: Fault) -> None:
        if self.over:
            return
        self.over = True
        if not self.opened.done():
            self.opened.set_result(fault)
        else:
            self.receiver.closed(fault)


def _same_origin(one: str, other: str) -> bool:
    try:
        return _origin(one) == _origin(other)
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
