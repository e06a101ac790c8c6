"""One MCP session with an HTTP server, of either era: a message out, and what comes back for it.

Starts no task and owns no connection. Each exchange ends in exactly one of an answer delivered, a fault, or the end of
the session. A legacy session begins with the id in the answer to `initialize`, and every later request carries it and
the revision agreed on (2025-11-25 and 2026-07-28, "Streamable HTTP"). Redirects are refused, never followed.
"""

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from aiohttp import ClientResponse

from app.config.snapshot import ServerSpec
from app.protocol import jsonrpc
from app.protocol.faults import Fault, Kind
from app.protocol.sse import MESSAGE, Decoder, Event
from app.relay.listen import ACKNOWLEDGED
from app.upstream.errors import SessionLost, UnstartableError
from app.upstream.http_answer import agreed_version, as_answer, error_in, loses_session, read_body
from app.upstream.http_client import Endpoint, HttpClient
from app.upstream.http_faults import FAILURES, describe, fault_of, refusal
from app.upstream.http_stream import FIRST_DELAY, End, Take, is_stream, listen, pause, pump
from app.upstream.transport import Outgoing, Receiver

if TYPE_CHECKING:
    from app.upstream.http_client import Exchange

log = logging.getLogger("app.upstream")

MESSAGE_LIMIT = 16 * 1024 * 1024
ERROR_LIMIT = 64 * 1024
RESUME_ATTEMPTS = 3
# What is received, in the words of a modern feed, when the server's own stream is back: nobody may have heard a change.
MISSED = jsonrpc.notification(ACKNOWLEDGED, b"")
# What the config may not set: these describe our messages and our connections.
_OURS = frozenset({"accept", "connection", "content-length", "content-type", "transfer-encoding"})
_MIRRORED = frozenset({"mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"})
# RFC 9110, sections 5.1 and 5.5; the client would write anything.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_UNFINISHED = frozenset({End.EXHAUSTED, End.BROKEN})
# Statuses that say more than a JSON-RPC error beside them.
_TELLING = frozenset({401, 403, 407, 429, 502, 503, 504})


class HttpSession:
    """`id` is the legacy session's, empty for none; `over` once it has ended (the receiver was told)."""

    def __init__(self, spec: ServerSpec, endpoint: Endpoint, receiver: Receiver, *, legacy: bool) -> None:
        self.id = ""
        self.over = False
        self._spec = spec
        self._endpoint = endpoint
        self._receiver = receiver
        self._legacy = legacy
        self._base = {**configured_headers(spec), "accept": "application/json, text/event-stream"}

    def __repr__(self) -> str:
        return f"<HttpSession {self._spec.name} {'legacy' if self._legacy else 'modern'}{' over' if self.over else ''}>"

    async def exchange(self, message: Outgoing) -> None:
        """Post one message and see to its answer. Raises nothing but `CancelledError`."""
        try:
            async with self._post(message) as response:
                if 200 <= response.status < 300:
                    await self._accepted(message, response)
                else:
                    await self._refused(message, response)
        except FAILURES as error:
            log.debug("server=%s POST failed: %s", self._spec.name, describe(error))
            self._receiver.failed(message.id, fault_of(self._spec.name, error))
        except Exception:
            # The boundary of a pump: a bug met with one message must not end the others.
            log.exception("server=%s a message was not sent", self._spec.name)
            self._receiver.failed(message.id, self.fault(Kind.INTERNAL, "could not be asked"))

    async def overhear(self) -> None:
        """Keep the server's own stream open for as long as the session lasts, where there is one."""

        def take(event: Event) -> bool:
            if event.event == MESSAGE and event.data:
                self._receiver.received(event.data)
            return False

        def reopened() -> None:
            self._receiver.received(MISSED)

        if await listen(self._get, take, self._spec.name, reopened) == 404:
            self._end(None)

    async def delete(self) -> None:
        """Tell the server that the session is not needed any more; 405 says that it ends them by itself."""
        try:
            async with self._endpoint.delete(self._base):
                self.id = ""
        except FAILURES as error:
            log.debug("server=%s session not deleted: %s", self._spec.name, describe(error))

    def fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"Server '{self._spec.name}' {what}.", server=self._spec.name)

    def _post(self, message: Outgoing) -> "Exchange":
        headers = {**self._base, "content-type": "application/json"}
        for name, value in message.headers.items():
            headers[name.lower()] = value
        return self._endpoint.post(headers, message.body)

    def _get(self, last_id: bytes) -> "Exchange":
        headers = {**self._base, "accept": "text/event-stream"}
        if last_id:
            headers["last-event-id"] = last_id.decode("utf-8", "replace")
        return self._endpoint.get(headers)

    async def _accepted(self, message: Outgoing, response: ClientResponse) -> None:
        if message.method == "initialize" and self._legacy:
            self.id = response.headers.get("mcp-session-id", "")
            if self.id:
                self._base["mcp-session-id"] = self.id
        if message.id is None:
            await read_body(response, ERROR_LIMIT)
        elif is_stream(response):
            await self._streamed(message, message.id, response)
        else:
            body = await read_body(response, MESSAGE_LIMIT)
            if body is None:
                fault = self._too_large()
            elif body.lstrip()[:1] not in (b"{", b"["):
                fault = self.fault(Kind.PROTOCOL, f"answered {message.method} with no JSON (HTTP {response.status})")
            else:
                fault = self.fault(Kind.PROTOCOL, f"answered {message.method} with something else")
                if self._deliver(body, message, message.id):
                    return
            self._receiver.failed(message.id, fault)

    async def _streamed(self, message: Outgoing, request_id: int, response: ClientResponse) -> None:
        decoder = Decoder(MESSAGE_LIMIT)

        def take(event: Event) -> bool:
            # What has no data primes the stream with an id; other types are of a later revision.
            return event.event == MESSAGE and bool(event.data) and self._deliver(event.data, message, request_id)

        end, attempts = await self._pumped(response, decoder, take), 0
        while end in _UNFINISHED and decoder.last_id and self._legacy and attempts < RESUME_ATTEMPTS:
            # The server let go of the connection, not of the request: it gave us a place to go on from.
            if end is End.EXHAUSTED and decoder.retry is not None:
                self._receiver.paused(request_id, decoder.retry)
            await asyncio.sleep(pause(decoder.retry, FIRST_DELAY))
            decoder, before = Decoder(MESSAGE_LIMIT, decoder.last_id, decoder.retry), decoder.last_id
            try:
                async with self._get(before) as resumption:
                    if resumption.status != 200 or not is_stream(resumption):
                        break
                    end = await self._pumped(resumption, decoder, take)
            except FAILURES as error:
                # Its server cannot be reached, and has the call all the same: no fault of a request that never left.
                end = self._broken(error)
            attempts = attempts + 1 if decoder.last_id == before else 0
        if end is End.OVERFLOWED:
            self._receiver.failed(request_id, self._too_large())
        elif end in _UNFINISHED:
            self._receiver.failed(request_id, self.fault(Kind.CLOSED, "ended its answer before it was complete"))

    async def _pumped(self, response: ClientResponse, decoder: Decoder, take: Take) -> End:
        try:
            return await pump(response, decoder, take)
        except FAILURES as error:
            return self._broken(error)

    def _broken(self, error: Exception) -> End:
        log.debug("server=%s stream broke off: %s", self._spec.name, describe(error))
        return End.BROKEN

    async def _refused(self, message: Outgoing, response: ClientResponse) -> None:
        status, retry_after = response.status, response.headers.get("retry-after")
        error = None
        if status >= 400 and status not in _TELLING and not retry_after:
            error = error_in(await read_body(response, ERROR_LIMIT) or b"")
        if (self.id or self.over) and loses_session(status, error):
            self._end(message.id)
        elif error is not None and message.id is not None:
            self._deliver(jsonrpc.error(b"%d" % message.id, error), message, message.id)
        else:
            self._receiver.failed(message.id, refusal(self._spec.name, status, retry_after))

    def _deliver(self, text: bytes, message: Outgoing, request_id: int) -> bool:
        """Hand on what came for a request; whether it was the answer."""
        text, answers = as_answer(text, request_id)
        if answers and message.method == "initialize" and self._legacy and (version := agreed_version(text)):
            self._base["mcp-protocol-version"] = version
        self._receiver.received(text, request_id)
        return answers

    def _end(self, request_id: int | None) -> None:
        """The server knows the session no more. The request that found out was not carried out."""
        text = f"Server '{self._spec.name}' has ended the session."
        if request_id is not None:
            self._receiver.failed(request_id, Fault(Kind.CLOSED, text, server=self._spec.name, unsent=True))
        if not self.over:
            self.over, self.id = True, ""
            self._receiver.ending(SessionLost(Kind.CLOSED, text, server=self._spec.name))

    def _too_large(self) -> Fault:
        return self.fault(Kind.PROTOCOL, f"sent a message over {MESSAGE_LIMIT >> 20} MB")


async def reach(spec: ServerSpec, http: HttpClient) -> Endpoint:
    """The way to the server's URL. Raises `UpstreamError` for a URL or a header that no request can carry."""
    try:
        for name, value in spec.headers.items():
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError(f"header {name!r}")
        return await http.reach(spec.url)
    except ValueError as error:
        text = f"Server '{spec.name}' has a `url` or a header that cannot be sent."
        raise UnstartableError(Fault(Kind.UNREACHABLE, text, server=spec.name), str(error)) from None


def configured_headers(spec: ServerSpec) -> dict[str, str]:
    """The headers of the config entry, lower case, without those that are ours to set."""
    ours = _OURS | _MIRRORED
    return {name.lower(): value for name, value in spec.headers.items() if name.lower() not in ours}
