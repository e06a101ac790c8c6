"""The MCP endpoint: `/mcp`, and `/servers/NAME/mcp` for one server alone.

A raw ASGI handler: guards ran before it, and nothing stands between it and the wire. Reads one message, finds its
session and its place, and lets `answers` or `gateway.relaying` do the rest (INTERFACE, "Endpoints").
"""

import logging
import time
from collections.abc import Callable
from typing import cast

import msgspec
from litestar.types import HTTPScope, Receive, Scope, Send

from app.config.keys import Principal
from app.downstream import answers
from app.downstream.body import read_body
from app.downstream.call_log import CallLog
from app.downstream.faults import NOT_FOUND, plain, to_answer
from app.downstream.gate import note_tool
from app.downstream.guards import principal_of
from app.downstream.response import RelayResponse, send_empty, send_json
from app.downstream.streams import UNKNOWN_SESSION, Streams
from app.gateway.driver import INTERNAL
from app.gateway.gateway import Gateway
from app.gateway.relaying import Relayed, relay
from app.gateway.sessions import Session
from app.protocol.classify import Head, Headers, Inbound, classify, read_head
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import NO_RAW, Rejection, text_of
from app.protocol.methods import Answer
from app.protocol.versions import LEGACY_VERSIONS, Era
from app.relay.events import Result
from app.relay.view import View

log = logging.getLogger("app.downstream")

SESSION = b"mcp-session-id"
TOO_SLOW = Fault(Kind.TOO_SLOW, "The body did not arrive in time.")
ALLOW = b"POST, GET, DELETE, OPTIONS"
ALLOW_SESSIONLESS = b"POST, DELETE, OPTIONS"
ALLOW_MODERN = b"POST, OPTIONS"


class Visit(msgspec.Struct):
    """One message in progress: who sent it, to which part of the gateway, and in which session."""

    scope: Scope
    principal: Principal
    only: str
    inbound: Inbound
    session: Session | None
    response: RelayResponse
    send: Send


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
            await self._post(scope, receive, send, principal, only)
        elif method == "DELETE":
            await self._delete(scope, send, principal)
        elif method == "GET" and _has_session(read_head(_headers(scope))):
            await self._streams.open(scope, receive, send, principal, only)
        else:
            await _not_allowed(scope, send)

    def _serves(self, principal: Principal, only: str) -> bool:
        return only in self._gateway().current.upstreams and principal.grant.on(only).sees

    async def _post(self, scope: Scope, receive: Receive, send: Send, principal: Principal, only: str) -> None:
        began = time.perf_counter()
        found = await self._read(scope, receive)
        method = name = server = ""
        if isinstance(found, Rejection):
            response = RelayResponse(receive, send, self._log.next_id(), found.era, bytes(found.id))
        else:
            message = found.message
            method, name = message.method, text_of(message.params.get("name") or message.params.get("uri")) or ""
            if method == "tools/call":
                note_tool(scope, name)
            response = RelayResponse(receive, send, self._log.next_id(), found.era, bytes(message.id))
            response.expects(method, found.meta.token, found.accept)
        try:
            if isinstance(found, Rejection):
                if found.fault is TOO_SLOW:
                    response.headers.append((b"connection", b"close"))
                await response.reply(found.fault)
            else:
                server = await self._serve(Visit(scope, principal, only, found, None, response, send))
        except Exception:
            log.exception("request %s failed", response.request_id)
            await response.reply(INTERNAL)
        finally:
            self._log.write(
                response.request_id,
                began,
                client=principal.client_id,
                method=method,
                name=name,
                server=server,
                era=found.era.value,
                outcome=response.outcome or "disconnected",
            )

    async def _read(self, scope: Scope, receive: Receive) -> Inbound | Rejection:
        try:
            body = await read_body(scope, receive, self._max_body)
        except TimeoutError:
            return Rejection(TOO_SLOW)
        return Rejection(_too_large(self._max_body)) if body is None else classify(_headers(scope), body)

    async def _serve(self, visit: Visit) -> str:
        """Answer one message. Returns the server it went to, if any."""
        inbound = visit.inbound
        if inbound.era is Era.LEGACY and inbound.message.method != "initialize":
            visit.session = self._session(visit.principal, inbound)
            if visit.session is None:
                await visit.response.reply(UNKNOWN_SESSION)
                return ""
        if not inbound.message.is_request:
            await self._notified(visit)
            return ""
        if inbound.method is None:
            await visit.response.reply(Fault(Kind.METHOD_NOT_FOUND, "Method not found."))
            return ""
        unoffered = answers.unoffered(self._view(visit), inbound, inbound.method)
        if unoffered is not None:
            await visit.response.reply(unoffered)
            return ""
        if inbound.method.answer is Answer.RELAY:
            return await self._relay(visit)
        if inbound.method.answer is Answer.LISTEN:
            await self._streams.listen(visit.scope, inbound, visit.response, visit.principal, visit.only)
            return visit.only
        await self._answer(visit, inbound.method.answer)
        return ""

    def _session(self, principal: Principal, inbound: Inbound) -> Session | None:
        sessions = self._gateway().sessions
        if not inbound.session:
            return sessions.implicit(principal.client_id, inbound.version)
        return sessions.find(principal.client_id, inbound.session)

    async def _notified(self, visit: Visit) -> None:
        """202 for a notification; a response answers nothing we asked."""
        message = visit.inbound.message
        if not message.method:
            await visit.response.reply(Fault(Kind.INVALID_REQUEST, "This response answers no request of the gateway."))
            return
        if message.method == "notifications/cancelled" and visit.session is not None:
            visit.session.cancel(
                bytes(message.params.get("requestId", NO_RAW)),
                (text_of(message.params.get("reason")) or "The client cancelled the request.")[:200],
            )
        visit.response.outcome = "accepted"
        await send_empty(visit.send, 202)

    async def _answer(self, visit: Visit, answer: Answer) -> None:
        gateway, inbound = self._gateway(), visit.inbound
        view = self._view(visit)
        match answer:
            case Answer.INITIALIZE:
                await self._initialize(visit, view)
                return
            case Answer.PING:
                result: bytes | Fault = b"{}"
            case Answer.DISCOVER:
                result = answers.discover(view)
            case _:
                assert inbound.method is not None, "only known methods get here"
                await gateway.listed(view)
                result = answers.listing(self._view(visit), inbound, inbound.method)
        if isinstance(result, Fault):
            await visit.response.reply(result)
        else:
            await visit.response.reply(Result(msgspec.Raw(result), inbound.era))

    async def _initialize(self, visit: Visit, view: View) -> None:
        version = answers.requested_version(visit.inbound)
        if isinstance(version, Fault):
            await visit.response.reply(version)
            return
        session = self._gateway().sessions.open(visit.principal.client_id, version)
        visit.response.headers.append((SESSION, session.id.encode()))
        await visit.response.reply(Result(msgspec.Raw(answers.initialize(view, version)), Era.LEGACY))

    async def _relay(self, visit: Visit) -> str:
        inbound, session = visit.inbound, visit.session
        call = Relayed(
            visit.principal.client_id,
            session,
            inbound.era,
            inbound.message,
            inbound.meta.members,
            inbound.meta.token,
            lambda: self._view(visit),
        )
        return await relay(self._gateway(), call, visit.response)

    def _view(self, visit: Visit) -> View:
        return self._gateway().current.view(visit.principal.grant, visit.only)

    async def _delete(self, scope: Scope, send: Send, principal: Principal) -> None:
        head = read_head(_headers(scope))
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


def _headers(scope: Scope) -> Headers:
    return cast("Headers", scope["headers"])  # uvicorn's is a list; Litestar's type says iterable


def _is_modern(head: Head) -> bool:
    return bool(head.versions) and head.version.decode("latin-1") not in LEGACY_VERSIONS


def _has_session(head: Head) -> bool:
    return bool(head.session) and not _is_modern(head)


async def _not_allowed(scope: Scope, send: Send) -> None:
    """Also a GET without a session, which has no stream: the spec answers so where none is offered."""
    if _is_modern(read_head(_headers(scope))):
        allow = ALLOW_MODERN
    else:
        allow = ALLOW_SESSIONLESS if cast("HTTPScope", scope)["method"] == "GET" else ALLOW
    text = f"Allowed here: {allow.decode()}"
    if allow is ALLOW_SESSIONLESS:
        text += ". GET opens the stream of a session: send its Mcp-Session-Id."
    await send_json(send, 405, plain("method_not_allowed", text), [(b"allow", allow)])
