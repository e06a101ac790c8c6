"""The legacy half towards clients: neutral outcomes become messages of 2024-11-05 to 2025-11-25.

Pure. Theory of operation: the neutral form is modern. What a legacy client does not know (`resultType`, caching hints,
a `structuredContent` that is no object) is taken out; a legacy server's own answer passes as it came
(PROTOCOL.md section 4).
"""

import msgspec

from app.protocol.faults import Fault
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay.catalog import Members
from app.relay.events import Detached, Result

MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")
OBJECT_SCHEMA = b'"object"'

# A client of this era that hangs up has not cancelled (2025-11-25, transports).
HUNG_UP = Detached()


def to_result(result: Result) -> bytes:
    """The `result` of the answer."""
    if result.era is Era.LEGACY:
        return bytes(result.raw)
    members = members_of(result.raw)
    if members is None:
        return bytes(result.raw)
    for name in MODERN_ONLY:
        members.pop(name, None)
    if not bytes(members.get("structuredContent", b"{")).startswith(b"{"):
        del members["structuredContent"]  # the text block carries the same JSON
    return msgspec.json.encode(members)


def to_item(members: Members) -> Members:
    """A listed item: a tool whose output is not an object is listed without the schema this era cannot state."""
    schema = members.get("outputSchema")
    if schema is None or bytes((members_of(schema) or {}).get("type", b"")) == OBJECT_SCHEMA:
        return members
    return {name: value for name, value in members.items() if name != "outputSchema"}


def list_result(listed: str, items: bytes) -> bytes:
    """The result of a list method: `items` is a JSON array."""
    return b'{"%b":%b}' % (listed.encode(), items)


def status(fault: Fault) -> int:
    """The HTTP status of a fault once the request was parsed."""
    return fault.row.legacy
