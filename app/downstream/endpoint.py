"""The MCP endpoint: `/mcp`, and `/servers/NAME/mcp` for one server alone.

A raw ASGI handler: guards ran before it, and nothing stands between it and the wire. Reads one message, finds its
session and its place, and lets `answers` or `gateway.relaying` do the rest (INTERFACE, "Endpoints").
"""

import logging
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import cast

from litestar.types import HTTPScope, Receive, Scope, Send

from app.config.keyring import Principal
from app.downstream import answers
from app.downstream.answering import answer
from app.downstream.batches import Batch
from app.downstream.body import read_body
from app.downstream.call_log import CallLog
from app.downstream.faults import NOT_FOUND, plain, to_answer
from app.downstream.gate import note_tool
from app.downstream.guards import principal_of
from app.downstream.origin import Origin
from app.downstream.recording import Recorder
from app.downstream.response import RelayResponse, send_empty, send_json
from app.downstream.streams import UNKNOWN_SESSION, Streams
from app.downstream.visit import Visit, headers_of
from app.gateway.driver import INTERNAL
from app.gateway.gateway import Gateway
from app.gateway.introducing import roots_changed
from app.gateway.journal import Journals
from app.gateway.relaying import relay, tell
from app.gateway.sessions import BATCHING, Session
from app.protocol.classify import Head, Headers, Inbound, classify, classify_batch, read_head
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import NO_RAW, Rejection, is_array, text_of
from app.protocol.methods import Answer, is_foreign
from app.protocol.versions import ASSUMED_LEGACY, LEGACY_VERSIONS, Era

log = logging.getLogger("app.downstream")

TOO_SLOW = Fault(Kind.TOO_SLOW, "The body did not arrive in time.")
ALLOW = b"POST, GET, DELETE, OPTIONS"
ALLOW_SESSIONLESS = b"POST, DELETE, OPTIONS"
ALLOW_MODERN = b"POST, OPTIONS"


class Endpoint:
    """Serves both paths. `gateway` gives the running one; `identify` who a request's key belongs to by now."""

    def __init__(
        self,
        gateway: Callable[[], Gateway],
        max_body: int,
        call_log: CallLog,
        identify: Callable[[Scope], Principal | None],
    ) -> None:
        self._gateway = gateway
        self._max_body = max_body
        self._log = call_log
        self._streams = Streams(gateway, identify, call_log)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request on either path, of any method."""
        method = cast("HTTPScope", scope)["method"]
        if method == "OPTIONS":
            await send_empty(send, 204)
            return
        principal = principal_of(scope)
        only = str(scope["path_params"].get("name", ""))
        if only and not self._serves(principal, only):
            await send_json(send, 404, NOT_FOUND)
        elif method == "POST":
            await self.post(scope, receive, send, principal, only)
        elif method == "DELETE":
            await self._delete(scope, send, principal)
        elif method == "GET" and _has_session(read_head(headers_of(scope))):
            await self._streams.open(Origin(scope, principal, only), receive, send)
        else:
            await _not_allowed(scope, send)

    def _serves(self, principal: Principal, only: str) -> bool:
        return only in self._gateway().current.upstreams and principal.grant.on(only).sees

    async def post(self, scope: Scope, receive: Receive, send: Send, principal: Principal, only: str = "") -> None:
        """One POST of a caller that is known; `only`: to this server alone, which the caller sees."""
        origin = Origin(scope, principal, only, perf_counter())
        body = await self.read(scope, receive)
        if isinstance(body, Rejection):
            await self.one(origin, body, receive, send)
        elif body[:1] != b"{" and is_array(body) and self._takes_batches(headers_of(scope), principal):
            await self._batch(origin, body, receive, send)
        else:
            await self.one(origin, classify(headers_of(scope), body), receive, send)

    async def read(self, scope: Scope, receive: Receive) -> bytes | Rejection:
        """A request's body, within the bounds of size and time."""
        try:
            body = await read_body(scope, receive, self._max_body)
        except TimeoutError:
            return Rejection(TOO_SLOW)
        return Rejection(_too_large(self._max_body)) if body is None else body

    async def _batch(self, origin: Origin, body: bytes, receive: Receive, send: Send) -> None:
        members = classify_batch(headers_of(origin.scope), body)
        named = read_head(headers_of(origin.scope)).session.decode("latin-1")
        if named and self._gateway().sessions.find(origin.principal.client_id, named) is None:
            members = Rejection(UNKNOWN_SESSION)
        if isinstance(members, Rejection):
            await self.one(origin, members, receive, send)
            return

        async def serve(member: Inbound | Rejection, receive: Receive, send: Send) -> None:
            await self.one(origin, member, receive, send)

        await Batch(receive, send).serve(members, serve)

    def _takes_batches(self, headers: Headers, principal: Principal) -> bool:
        """One revision has them; which one binds a request is for its session to say, else for its header."""
        head = read_head(headers)
        if _is_modern(head):
            return False
        session = self._gateway().sessions.find(principal.client_id, head.session.decode("latin-1"))
        version = session.version if session else head.version.decode() or ASSUMED_LEGACY
        return version == BATCHING

    async def one(
        self, origin: Origin, found: Inbound | Rejection, receive: Receive, send: Send, session: Session | None = None
    ) -> None:
        """Serve one message to its line in the log; `session`: of the stream (HTTP+SSE) that takes its answer."""
        method = name = server = ""
        if isinstance(found, Rejection):
            response = RelayResponse(receive, send, self._log.next_id(), found.era, bytes(found.id))
        else:
            message = found.message
            method, name = message.method, text_of(message.params.get("name") or message.params.get("uri")) or ""
            if method == "tools/call":
                note_tool(origin.scope, name)
            response = RelayResponse(receive, send, self._log.next_id(), found.era, bytes(message.id))
            response.expects(method, found.meta.token, found.accept)
            if session is not None and message.is_request:
                response.continues()
        try:
            if isinstance(found, Rejection):
                if found.fault is TOO_SLOW:
                    response.headers.append((b"connection", b"close"))
                await response.reply(found.fault)
            else:
                server = await self._serve(
                    Visit(self._gateway(), origin.scope, origin.principal, origin.only, found, session, response, send)
                )
        except Exception:
            log.exception("request %s failed", response.request_id)
            await response.reply(INTERNAL)
        finally:
            self._log.write(
                response.request_id,
                origin.began,
                client=origin.principal.client_id,
                method=method,
                name=name,
                server=server,
                era=found.era.value,
                outcome=response.outcome or "disconnected",
            )

    async def _serve(self, visit: Visit) -> str:
        """Answer one message. Returns the server it went to, if any."""
        inbound = visit.inbound
        if inbound.era is Era.LEGACY and inbound.message.method != "initialize" and visit.session is None:
            visit.session = self._session(visit.principal, inbound)
            if visit.session is None:
                await visit.response.reply(UNKNOWN_SESSION)
                return ""
            if visit.session.journals is not None:
                visit.response.record = partial(_recorder, visit.session.journals)
        if visit.session is not None:
            visit.response.version = visit.session.version if visit.session.id else inbound.version
        method = inbound.method
        if method is None and not inbound.message.is_request:
            await self._notified(visit)
            return ""
        level = visit.log_level()
        if isinstance(level, Fault):
            await visit.response.reply(level)
            return ""
        visit.response.log_level = level
        if method is None and self._passes(visit):
            return await self._relay(visit, visit.only)
        if method is None:
            await visit.response.reply(Fault(Kind.METHOD_NOT_FOUND, "Method not found."))
            return ""
        unoffered = answers.unoffered(visit.view(), inbound, method) if answers.may_lack(inbound, method) else None
        if unoffered is not None:
            await visit.response.reply(unoffered)
            return ""
        if method.answer is Answer.RELAY:
            return await self._relay(visit)
        if method.answer is Answer.LISTEN:
            await self._streams.listen(visit.scope, inbound, visit.response, visit.principal, visit.only)
            return visit.only
        await answer(visit, method)
        return ""

    def _session(self, principal: Principal, inbound: Inbound) -> Session | None:
        sessions = self._gateway().sessions
        if not inbound.session:
            return sessions.implicit(principal.client_id, inbound.version)
        return sessions.find(principal.client_id, inbound.session)

    def _passes(self, visit: Visit) -> bool:
        """Whether what no revision has goes to the one server that is asked: to whoever may use all of it."""
        name = visit.inbound.message.method
        return bool(visit.only) and is_foreign(name) and visit.principal.grant.on(visit.only).whole

    async def _notified(self, visit: Visit) -> None:
        """202 for a notification, and for a response, also one that answers nothing: it may be late."""
        message = visit.inbound.message
        if not message.method:
            known = visit.session is not None and visit.session.asked.answered(message)
            visit.response.outcome = "answer" if known else "late_answer"
            await send_empty(visit.send, 202)
            return
        if message.method == "notifications/cancelled" and visit.session is not None:
            visit.session.cancel(
                bytes(message.params.get("requestId", NO_RAW)),
                (text_of(message.params.get("reason")) or "The client cancelled the request.")[:200],
            )
        elif self._passes(visit):
            visit.gateway.own(tell(visit.gateway, visit.call(visit.only)))
        if message.method == "notifications/roots/list_changed" and visit.session is not None:
            roots_changed(visit.gateway, visit.session)
        visit.response.outcome = "accepted"
        await send_empty(visit.send, 202)

    async def _relay(self, visit: Visit, only: str = "") -> str:
        if visit.inbound.message.method == "resources/read":
            visit.response.shared = visit.gateway.current.unrestricted
        return await relay(visit.gateway, visit.call(only), visit.response)

    async def _delete(self, scope: Scope, send: Send, principal: Principal) -> None:
        head = read_head(headers_of(scope))
        if _is_modern(head):
            await _not_allowed(scope, send)
        elif not head.session:
            await send_json(send, 400, plain("bad_request", "DELETE ends a session: send its Mcp-Session-Id."))
        elif self._gateway().sessions.close(principal.client_id, head.session.decode("latin-1")):
            await send_empty(send, 204)
        else:
            status, body = to_answer(UNKNOWN_SESSION, b"", Era.LEGACY, "")
            await send_json(send, status, body)


def _too_large(limit: int) -> Fault:
    return Fault(Kind.TOO_LARGE, f"The body is larger than {limit} bytes (MCP_MAX_BODY).")


def _recorder(journals: Journals, send: Send) -> Recorder:
    return Recorder(journals, journals.begin(), send)


def _is_modern(head: Head) -> bool:
    return bool(head.versions) and head.version.decode("latin-1") not in LEGACY_VERSIONS


def _has_session(head: Head) -> bool:
    return bool(head.session) and not _is_modern(head)


async def _not_allowed(scope: Scope, send: Send) -> None:
    """Also a GET without a session, which has no stream: the spec answers so where none is offered."""
    if _is_modern(read_head(headers_of(scope))):
        allow = ALLOW_MODERN
    else:
        allow = ALLOW_SESSIONLESS if cast("HTTPScope", scope)["method"] == "GET" else ALLOW
    text = f"Allowed here: {allow.decode()}"
    if allow is ALLOW_SESSIONLESS:
        text += ". GET opens the stream of a session: send its Mcp-Session-Id."
    await send_json(send, 405, plain("method_not_allowed", text), [(b"allow", allow)])
