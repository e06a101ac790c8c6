"""Faults on the wire: the only place that writes an error to a client (DESIGN.md rule 10).

Where a JSON-RPC request was read the answer is a JSON-RPC error, else one plain JSON object (INTERFACE, "Endpoints").
"""

import msgspec

from app.protocol import jsonrpc
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay import downstream_legacy, downstream_modern
from app.relay.events import PeerError, Result

# Answers to what never became a JSON-RPC message.
_PLAIN = frozenset(
    {
        Kind.UNSUPPORTED_MEDIA,
        Kind.NOT_ACCEPTABLE,
        Kind.TOO_LARGE,
        Kind.UNAUTHENTICATED,
        Kind.THROTTLED,
        Kind.TOO_SLOW,
        Kind.FULL,
        Kind.FORBIDDEN_ORIGIN,
        Kind.FORBIDDEN_HOST,
    }
)
_STATUS = {Era.LEGACY: downstream_legacy.status, Era.MODERN: downstream_modern.status}
# A server's own code decides the status for a modern client as ours do (2026-07-28, transports).
_MODERN_STATUS = {-32700: 400, -32600: 400, -32602: 400, -32021: 400, -32601: 404}
# Between the gateway and a server alone: a client can do nothing with them (PROTOCOL.md section 4).
_OUR_OWN_MATTER = frozenset({-32020, -32022})
REFUSED = Fault(Kind.PROTOCOL, "The server refused the gateway's form of the request.")
NOT_FOUND = b'{"error":"not_found","error_description":"Not found"}'


def to_plain(fault: Fault) -> bytes:
    """An error outside JSON-RPC."""
    name = "invalid_token" if fault.kind is Kind.UNAUTHENTICATED else fault.kind.value
    return plain(name, fault.message)


def plain(error: str, description: str) -> bytes:
    """The one form of an error outside JSON-RPC."""
    return msgspec.json.encode({"error": error, "error_description": description})


def to_object(fault: Fault, request_id: str) -> bytes:
    """The JSON-RPC error object. What the gateway itself got wrong names the request in the log."""
    data: dict[str, object] = dict(fault.data or {})
    if fault.server is not None:
        data |= {"server": fault.server, "fault": fault.kind.value, "retryAfter": fault.retry_after}
    elif fault.retry_after is not None:
        data |= {"fault": fault.kind.value, "retryAfter": fault.retry_after}
    if fault.kind is Kind.INTERNAL:
        data["requestId"] = request_id
    members: dict[str, object] = {"code": fault.row.code, "message": fault.message}
    return msgspec.json.encode(members | {"data": data} if data else members)


def to_answer(fault: Fault, ident: bytes, era: Era, request_id: str) -> tuple[int, bytes]:
    """HTTP status and body of a fault. Where there is no id, nobody reads a body: the status must say it."""
    if fault.kind in _PLAIN:
        return fault.row.modern, to_plain(fault)
    status = _STATUS[era](fault) if ident else fault.row.modern
    return status, jsonrpc.error(ident, to_object(fault, request_id))


def to_peer_answer(error: PeerError, ident: bytes, era: Era, request_id: str, method: str = "") -> tuple[int, bytes]:
    """HTTP status and body of a server's own error, which passes, but for codes that mean something else here."""
    code = _code(error)
    if code in _OUR_OWN_MATTER:
        told: PeerError | Result | Fault | None = REFUSED
    else:
        told = downstream_legacy.to_error(method, error) if era is Era.LEGACY else downstream_modern.to_error(error)
    match told or error:
        case Fault() as fault:
            return to_answer(fault, ident, era, request_id)
        case Result() as result:
            return 200, jsonrpc.result(ident, bytes(result.raw))
        case PeerError() as passed:
            status = _MODERN_STATUS.get(code, 200) if era is Era.MODERN else 200
            return status, jsonrpc.error(ident, bytes(passed.raw))


def _code(error: PeerError) -> int:
    members = members_of(error.raw) or {}
    try:
        return msgspec.json.decode(members.get("code", b"0"), type=int)
    except msgspec.DecodeError:
        return 0
