"""The modern half towards clients: neutral outcomes become messages of 2026-07-28.

Pure. Theory of operation: the neutral form is this one, so a modern server's answer passes as it came; a legacy one's
is given what this revision requires of every result (PROTOCOL.md, sections 3.2, 3.6, 4).
"""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.meta import IDENTITY, SERVER_INFO
from app.protocol.methods import CACHEABLE
from app.protocol.versions import Era
from app.relay.catalog import Members
from app.relay.events import Disconnected, PeerError, Result

COMPLETE = msgspec.Raw(b'"complete"')
# A legacy server gives no hints, and what a client may see depends on its key: fresh for no time, shared with nobody.
TTL = msgspec.Raw(b"0")
SCOPE = msgspec.Raw(b'"private"')
SIGNED: Members = {SERVER_INFO: msgspec.Raw(msgspec.json.encode(IDENTITY))}
SIGNATURE = msgspec.Raw(msgspec.json.encode(SIGNED))
RESOURCE_NOT_FOUND = -32002

# Closing the response is the cancel (2026-07-28, cancellation).
HUNG_UP = Disconnected()


def to_result(method: str, result: Result) -> bytes:
    """The `result` of the answer to `method`."""
    raw = bytes(result.raw)
    if result.era is Era.MODERN:
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
    return msgspec.json.encode({**stamped, **members, "_meta": signature})


def to_fault(error: PeerError) -> Fault | None:
    """A legacy code this revision writes otherwise (−32002 is −32602 now); None: the error passes as it is."""
    members = members_of(error.raw)
    if members is None or bytes(members.get("code", b"")) != b"%d" % RESOURCE_NOT_FOUND:
        return None
    data = members_of(members.get("data", b"")) or {}
    uri = data.get("uri")
    return Fault(Kind.INVALID_PARAMS, "Resource not found.", data={"uri": uri} if uri else None)


def to_item(members: Members) -> Members:
    """A listed item, as its server wrote it."""
    return members


def list_result(listed: str, items: bytes) -> bytes:
    """The result of a list method: `items` is a JSON array."""
    return b'{"resultType":"complete","%b":%b,"ttlMs":0,"cacheScope":"private","_meta":%b}' % (
        listed.encode(),
        items,
        bytes(SIGNATURE),
    )


def status(fault: Fault) -> int:
    """The HTTP status of a fault."""
    return fault.row.modern
