"""The legacy half towards clients: neutral outcomes become messages of 2024-11-05 to 2025-11-25.

Pure. Theory of operation: the neutral form is modern. What a legacy client does not know (`resultType`, caching hints,
a `structuredContent` that is no object) is taken out; a legacy server's own answer passes as it came, but for content
types younger than the client (PROTOCOL.md section 4).
"""

from collections.abc import Callable

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.meta import PREFIX
from app.protocol.versions import LATEST_LEGACY, Era
from app.relay import older
from app.relay.catalog import Hint, Members
from app.relay.events import Detached, PeerError, Result
from app.relay.questions import ELICITATION, Read, is_url

COMPLETE = b'"complete"'
MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")
OBJECT_SCHEMA = b'"object"'
MISSING_CAPABILITY = b"-32021"
UNABLE = "The server needs what this client, or its revision of the protocol, cannot do"

# A client of this era that hangs up has not cancelled (2025-11-25, transports).
HUNG_UP = Detached()


def to_result(method: str, result: Result, version: str = LATEST_LEGACY) -> bytes | Fault:
    """The `result` of the answer to `method`, for a client of `version`.

    A fault where it is of a `resultType` of its own: who does not know it may not take it for an answer (2026-07-28).
    """
    raw = bytes(result.raw)
    legacy = result.era is Era.LEGACY
    if legacy and not older.may_be_foreign(raw, version):
        return raw
    members = members_of(raw)
    if members is None:
        return raw
    if not legacy:
        if bytes(members.get("resultType", COMPLETE)) != COMPLETE:
            return Fault(Kind.PROTOCOL, "The server's answer is of a kind that this client's revision does not have.")
        for name in MODERN_ONLY:
            members.pop(name, None)
        members = older.without_array(members)
    return msgspec.json.encode(older.to_version(method, members, version))


def to_error(method: str, error: PeerError) -> Result | Fault | None:
    """What becomes of a modern server's −32021, which this era has no word for; None: the error passes as it is."""
    members = members_of(error.raw) or {}
    if bytes(members.get("code", b"")) != MISSING_CAPABILITY:
        return None
    needed = members_of((members_of(members.get("data", b"")) or {}).get("requiredCapabilities", b"")) or {}
    names = [name for name in needed if name != "extensions"] + list(members_of(needed.get("extensions", b"")) or {})
    if method != "tools/call":
        return Fault(Kind.ERA_MISMATCH, f"{UNABLE}: {', '.join(names) or 'unnamed'}.")
    return tool_error(f"{UNABLE}: {', '.join(names) or 'unnamed'}.")


def to_question(question: Read, mint: Callable[[], str]) -> Read:
    """A server's question in the words of this era; an address to go to has a name, from `mint` where it lacks one."""
    meta = members_of(question.params.get("_meta", b"")) or {}
    kept = {name: value for name, value in meta.items() if not name.startswith(PREFIX)}
    params = {**question.params, "_meta": msgspec.Raw(msgspec.json.encode(kept))}
    if is_url(question):
        params.setdefault("elicitationId", msgspec.Raw(msgspec.json.encode(mint())))
    elif question.method == ELICITATION:
        params.pop("mode", None)  # a form is what it means where nothing is said, and older clients know no modes
    return Read(question.method, params)


def tool_error(text: str) -> Result:
    """A tool's result that says why there is none, for what this era has no error for."""
    members = {"content": [{"type": "text", "text": text}], "isError": True}
    return Result(msgspec.Raw(msgspec.json.encode(members)), Era.LEGACY)


def to_item(members: Members) -> Members:
    """A listed item: a tool whose output is not an object is listed without the schema this era cannot state."""
    schema = members.get("outputSchema")
    if schema is None or bytes((members_of(schema) or {}).get("type", b"")) == OBJECT_SCHEMA:
        return members
    return {name: value for name, value in members.items() if name != "outputSchema"}


def list_frame(listed: str, _: Hint) -> tuple[bytes, bytes]:
    """What stands before and after the items, a JSON array, in the result of a list method. This era has no hints."""
    return b'{"%b":' % listed.encode(), b"}"


def status(fault: Fault) -> int:
    """The HTTP status of a fault once the request was parsed."""
    return fault.row.legacy
