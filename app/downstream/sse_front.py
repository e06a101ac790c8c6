"""HTTP+SSE (2024-11-05): `GET /sse` is a session and its stream, `POST /messages` what its client says.

The same sessions, messages and streams as at `/mcp`; what differs is the way of an answer, which is an event on the
session's stream. Theory of operation: a POST is answered 202 once its message was read, and each request is then served
over a connection that is played here and writes to the stream. The session ends with its stream; calls under way then
run on, as those of any legacy client that hangs up.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from urllib.parse import parse_qs

from litestar.types import Message, Receive, ReceiveMessage, Scope, Send

from app.config.keyring import Principal
from app.downstream.call_log import CallLog
from app.downstream.endpoint import Endpoint
from app.downstream.faults import plain, to_answer, to_plain
from app.downstream.guards import principal_of
from app.downstream.origin import Origin
from app.downstream.response import RelayResponse, send_empty, send_json
from app.downstream.streams import ENDING, NO_STREAM, STREAM_ONLY, UNKNOWN_SESSION, follow, outcome_of
from app.gateway.broadcast import KINDS
from app.gateway.gateway import Gateway
from app.gateway.sessions import Session
from app.gateway.subscription import End, Subscription
from app.protocol.classify import Headers, Inbound, classify_message, read_accept, read_head
from app.protocol.jsonrpc import Rejection
from app.protocol.versions import LEGACY_VERSIONS, Era
from app.relay import listen

SSE = "/sse"
MESSAGES = "/messages"
FIRST_VERSION = LEGACY_VERSIONS[0]
# Requests of one session under way at once: a POST is answered before its request is.
MAX_UNDER_WAY = 256
BUSY = plain("too_many_requests", f"More than {MAX_UNDER_WAY} requests of this session are under way.")


class Channel:
    """One session's stream, as the connection that its requests are served over."""

    def __init__(self, session: Session, stream: RelayResponse, subscription: Subscription) -> None:
        self.session = session
        self.under_way = 0
        self._stream = stream
        self._subscription = subscription

    def __repr__(self) -> str:
        return f"<Channel {self.session!r} {self.under_way} under way>"

    async def receive(self) -> ReceiveMessage:
        """Tells of the hang-up, once there is one."""
        await self._subscription.ended()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Events go on the stream; comments and what ends an answer have no place there, and nothing after its end."""
        if self._subscription.over:
            return
        if message["type"] == "http.response.body" and message["body"] and not message["body"].startswith(b":"):
            await self._stream.write(message["body"])


class SseFront:
    """Serves both paths. Arguments as those of `Endpoint`, which serves the messages."""

    def __init__(
        self,
        gateway: Callable[[], Gateway],
        endpoint: Endpoint,
        max_body: int,
        call_log: CallLog,
        identify: Callable[[Scope], Principal | None],
    ) -> None:
        self._gateway = gateway
        self._endpoint = endpoint
        self._max_body = max_body
        self._log = call_log
        self._identify = identify
        self._channels: dict[str, Channel] = {}

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/sse`: a session, from its first event, which says where to post, to its end."""
        method = cast("dict[str, Any]", scope)["method"]
        if method == "OPTIONS":
            await send_empty(send, 204)
        elif method != "GET":
            await _not_allowed(send, b"GET, OPTIONS")
        elif not _takes_events(scope):
            await send_json(send, 406, to_plain(NO_STREAM))
        elif self._gateway().drain.begun:
            await send_json(send, 503, ENDING, [(b"retry-after", b"2")])
        else:
            await self._session(scope, receive, send, principal_of(scope))

    async def _session(self, scope: Scope, receive: Receive, send: Send, principal: Principal) -> None:
        gateway, began = self._gateway(), time.perf_counter()
        response = RelayResponse(receive, send, self._log.next_id(), Era.LEGACY, b"")
        response.expects("", b"", STREAM_ONLY)
        subscription = gateway.broadcast.subscribe(principal, "", KINDS, renew=lambda: self._identify(scope))
        session = gateway.sessions.open(principal.client_id, FIRST_VERSION)
        session.on_end, session.hears = subscription.end, subscription
        self._channels[session.id] = Channel(session, response, subscription)
        try:
            await response.keep_alive()
            await response.write(b"event: endpoint\ndata: %b\n\n" % _endpoint(scope, session.id))
            await follow(gateway, subscription, response, listen.told, response.finish)
        finally:
            session.on_end = None
            del self._channels[session.id]
            subscription.end(End.DISCONNECTED)
            gateway.sessions.close(principal.client_id, session.id)
            self._log.write(
                response.request_id,
                began,
                client=principal.client_id,
                method="stream",
                name="",
                server="",
                era=Era.LEGACY.value,
                outcome=outcome_of(subscription),
            )

    async def message(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/messages`: one message of a session whose stream is open."""
        method = cast("dict[str, Any]", scope)["method"]
        if method == "OPTIONS":
            await send_empty(send, 204)
            return
        if method != "POST":
            await _not_allowed(send, b"POST, OPTIONS")
            return
        principal = principal_of(scope)
        channel = self._channel(scope, principal)
        if channel is None:
            status, body = to_answer(UNKNOWN_SESSION, b"", Era.LEGACY, "")
            await send_json(send, status, body)
            return
        origin = Origin(scope, principal)
        body = await self._endpoint.read(scope, receive)
        headers = cast("Headers", scope["headers"])
        found = body if isinstance(body, Rejection) else classify_message(headers, body)
        if isinstance(found, Rejection):
            await self._endpoint.one(origin, found, receive, send)
        elif not found.message.is_request:
            await self._endpoint.one(origin, found, receive, send, channel.session)
        elif channel.under_way >= MAX_UNDER_WAY:
            await send_json(send, 429, BUSY, [(b"retry-after", b"1")])
        else:
            channel.under_way += 1
            self._gateway().own(self._serve(origin, found, channel))
            await send_empty(send, 202)

    async def _serve(self, origin: Origin, found: Inbound, channel: Channel) -> None:
        try:
            await self._endpoint.one(origin, found, channel.receive, channel.send, channel.session)
        finally:
            channel.under_way -= 1

    def _channel(self, scope: Scope, principal: Principal) -> Channel | None:
        with suppress(UnicodeDecodeError, ValueError):
            for session_id in parse_qs(scope["query_string"].decode("ascii"), max_num_fields=8).get("sessionId", []):
                channel = self._channels.get(session_id)
                if channel and self._gateway().sessions.find(principal.client_id, session_id) is channel.session:
                    return channel
        return None


def _endpoint(scope: Scope, session_id: str) -> bytes:
    """Where to post, below whatever path stands before ours; `root_path` is what was taken off before us."""
    whole = cast("dict[str, Any]", scope)
    path = whole.get("root_path", "").encode() + whole["raw_path"].partition(b"?")[0].rstrip(b"/")
    return b"%b%b?sessionId=%b" % (path.removesuffix(SSE.encode()), MESSAGES.encode(), session_id.encode())


def _takes_events(scope: Scope) -> bool:
    """Whoever asks here wants a stream, unless it says otherwise."""
    accept = read_head(cast("Headers", scope["headers"])).accept
    return not accept or b"*/*" in accept or read_accept(accept).stream


async def _not_allowed(send: Send, allow: bytes) -> None:
    text = plain("method_not_allowed", f"Allowed here: {allow.decode()}")
    await send_json(send, 405, text, [(b"allow", allow)])
