"""The modern half towards clients: neutral outcomes become messages of 2026-07-28.

Pure. Theory of operation: the neutral form is this one, so a modern server's answer passes as it came; a legacy one's,
and one that lacks its type, is given what this revision requires of every result (PROTOCOL.md, sections 3.2, 3.6, 4).
"""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.meta import IDENTITY, SERVER_INFO
from app.protocol.methods import CACHEABLE
from app.protocol.versions import Era
from app.relay.catalog import Hint, Members
from app.relay.events import Disconnected, PeerError, Result
from app.relay.hints import confined, scope_of
from app.relay.questions import Read

RESULT_TYPE = b'"resultType"'
COMPLETE = msgspec.Raw(b'"complete"')
# A legacy server gives no hints, and what a client may see depends on its key: fresh for no time, shared with nobody.
TTL = msgspec.Raw(b"0")
SCOPE = msgspec.Raw(b'"private"')
SIGNED: Members = {SERVER_INFO: msgspec.Raw(msgspec.json.encode(IDENTITY))}
SIGNATURE = msgspec.Raw(msgspec.json.encode(SIGNED))
RESOURCE_NOT_FOUND = -32002
# 2026-07-28, "Error Codes": what older servers invented here has no meaning any more, and the rest is the spec's alone.
RESERVED = range(-32099, -31999)
DEFINED = frozenset({-32021})

# Closing the response is the cancel (2026-07-28, cancellation).
HUNG_UP = Disconnected()


def to_result(method: str, result: Result, *, shared: bool = True) -> bytes:
    """The `result` of the answer to `method`. Where it is not `shared`, rights differ and no hint may say `public`."""
    raw = bytes(result.raw)
    if result.era is Era.MODERN:
        raw = raw if shared else confined(raw)
        if RESULT_TYPE in raw:
            return raw
    members = members_of(raw)
    if members is None:
        return raw
    theirs = members.get("_meta")
    meta = members_of(theirs) if theirs is not None else None
    signature = SIGNATURE if meta is None else msgspec.Raw(msgspec.json.encode(meta | SIGNED))
    stamped: Members = {"resultType": COMPLETE}
    if method in CACHEABLE:
        stamped |= {"ttlMs": TTL, "cacheScope": SCOPE}
    # What a legacy server calls so is none of this revision's: no question, no task, and nothing for everybody.
    ours = stamped if result.era is Era.LEGACY else {}
    return msgspec.json.encode({**stamped, **members, **ours, "_meta": signature})


def to_error(error: PeerError) -> Fault | PeerError:
    """A server's own error as this revision may say it. −32002 is −32602 now; a code without a meaning is −32603.

    What it was is kept in `data.original`.
    """
    members = members_of(error.raw) or {}
    code = _integer(members.get("code"))
    if code == RESOURCE_NOT_FOUND:
        uri = (members_of(members.get("data", b"")) or {}).get("uri")
        return Fault(Kind.INVALID_PARAMS, "Resource not found.", data={"uri": uri} if uri else None)
    if code and (code in DEFINED or code not in RESERVED) and text_of(members.get("message")) is not None:
        return error
    original = {name: members[name] for name in ("code", "data") if name in members}
    message = text_of(members.get("message")) or "The server failed."
    told: dict[str, object] = {"code": -32603, "message": message, "data": {"original": original}}
    return PeerError(msgspec.Raw(msgspec.json.encode(told)))


def _integer(raw: msgspec.Raw | None) -> int:
    """A JSON integer's value; 0 for anything else."""
    try:
        return msgspec.json.decode(raw, type=int) if raw is not None else 0
    except msgspec.DecodeError:
        return 0


def to_question(question: Read) -> Read:
    """An older server's question in the words of this era, which names no elicitations: the retry is the answer."""
    return Read(question.method, {name: value for name, value in question.params.items() if name != "elicitationId"})


def to_item(members: Members) -> Members:
    """A listed item, as its server wrote it."""
    return members


def list_frame(listed: str, hint: Hint) -> tuple[bytes, bytes]:
    """What stands before and after the items, a JSON array, in the result of a list method."""
    head = b'{"resultType":"complete","%b":' % listed.encode()
    told = hint.ttl, scope_of(hint).encode(), bytes(SIGNATURE)
    return head, b',"ttlMs":%d,"cacheScope":"%b","_meta":%b}' % told


def status(fault: Fault) -> int:
    """The HTTP status of a fault."""
    return fault.row.modern
