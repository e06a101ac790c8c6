"""The session of HTTP+SSE (2024-11-05): a GET stream that brings every message, and POSTs to the address it names.

Starts no task. The address must be of the stream's own origin: a server cannot make us send its credentials elsewhere.
"""

import asyncio
import logging
from urllib.parse import urljoin

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.sse import MESSAGE, Decoder, Event
from app.upstream.http_addresses import same_origin
from app.upstream.http_answer import error_in, loses_session, read_body
from app.upstream.http_client import Endpoint
from app.upstream.http_faults import FAILURES, describe, fault_of, refusal
from app.upstream.http_session import ERROR_LIMIT, MESSAGE_LIMIT, configured_headers
from app.upstream.http_stream import End, is_stream, pump
from app.upstream.transport import Outgoing, Receiver

log = logging.getLogger("app.upstream")


class SseStream:
    """The session itself: it lives exactly as long as its stream."""

    def __init__(self, spec: ServerSpec, endpoint: Endpoint, receiver: Receiver) -> None:
        self.receiver = receiver
        self.over = False
        self.opened: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        self._spec = spec
        self._endpoint = endpoint
        self._posts = endpoint
        self._headers = configured_headers(spec)

    def fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"Server '{self._spec.name}' {what}.", server=self._spec.name)

    async def read(self) -> None:
        """Until the stream ends, which is the end of the session."""
        headers = {**self._headers, "accept": "text/event-stream"}
        try:
            async with self._endpoint.get(headers) as response:
                if response.status != 200:
                    fault: Fault = refusal(self._spec.name, response.status, response.headers.get("retry-after"))
                elif not is_stream(response):
                    fault = self.fault(Kind.PROTOCOL, "opened no event stream: is its `url` an SSE endpoint?")
                elif await pump(response, Decoder(MESSAGE_LIMIT), self._take) is End.OVERFLOWED:
                    fault = self.fault(Kind.PROTOCOL, f"sent a message over {MESSAGE_LIMIT >> 20} MB")
                else:
                    fault = self.fault(Kind.CLOSED, "closed its event stream")
        except FAILURES as error:
            log.debug("server=%s stream broke off: %s", self._spec.name, describe(error))
            fault = fault_of(self._spec.name, error)
        self._end(fault)

    async def post(self, message: Outgoing) -> None:
        """Send one message; its answer comes on the stream. Raises nothing but `CancelledError`."""
        headers = {**self._headers, "content-type": "application/json"}
        for name, value in message.headers.items():
            headers[name.lower()] = value
        try:
            async with self._posts.post(headers, message.body) as response:
                body = await read_body(response, ERROR_LIMIT)
                if 200 <= response.status < 300:
                    return
                if loses_session(response.status, error_in(body or b"")):
                    self._end(self.fault(Kind.CLOSED, "has ended the session"))
                else:
                    fault = refusal(self._spec.name, response.status, response.headers.get("retry-after"))
                    self.receiver.failed(message.id, fault)
        except FAILURES as error:
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
            address = urljoin(self._spec.url, event.data.decode("utf-8", "replace").strip())
            if not same_origin(address, self._spec.url):
                foreign = "wants its messages posted to another host, which is not done"
                self.opened.set_result(self.fault(Kind.PROTOCOL, foreign))
                return True
            self._posts = self._endpoint.at(address)
            self.opened.set_result(None)
            return False
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
