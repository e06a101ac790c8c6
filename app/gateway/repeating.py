"""What becomes of a call whose server was lost: sent once more, or answered that its outcome is unknown.

Pure decisions; the driver acts on them. A call is repeated only where that cannot do a thing twice: it provably never
left, or it reads, or its tool says by `readOnlyHint` or `idempotentHint` that calling it again changes nothing more.
"""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import text_of
from app.protocol.methods import METHODS
from app.relay.catalog import ServerCatalog
from app.relay.events import PeerError, Request
from app.upstream.errors import HttpRefusal

# How long a call that is sent again waits for its server to come back.
PATIENCE = 10.0
# What a modern server thinks of the gateway's form of a request: headers, revision (PROTOCOL.md section 4).
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
OUR_OWN_MATTER = frozenset({HEADER_MISMATCH, UNSUPPORTED_VERSION})
# Statuses of servers that are overloaded or behind a proxy that lost them (RELIABILITY.md F43).
_TRANSIENT = frozenset({429, 502, 503, 504})
UNKNOWN = "Whether the call was carried out is unknown: check before repeating it."
NEVER_SENT = "The call was not sent to the server."


class _Annotations(msgspec.Struct):
    read_only: bool = msgspec.field(name="readOnlyHint", default=False)
    idempotent: bool = msgspec.field(name="idempotentHint", default=False)


class _Error(msgspec.Struct):
    code: int = 0


def error_code(error: PeerError) -> int:
    """The code of a server's own error; 0 where it has none."""
    try:
        return msgspec.json.decode(error.raw, type=_Error).code
    except (msgspec.DecodeError, RecursionError):
        return 0


def harmless(request: Request, catalog: ServerCatalog | None) -> bool:
    """Whether sending the request twice does no more than sending it once, by what the server says of itself."""
    if request.method != "tools/call":
        return request.method in METHODS
    name = text_of(request.params.get("name"))
    item = next((tool for tool in catalog.tools if tool.key == name), None) if catalog else None
    raw = item.members.get("annotations") if item else None
    if raw is None:
        return False
    try:
        found = msgspec.json.decode(raw, type=_Annotations)
    except (msgspec.DecodeError, RecursionError):
        return False
    return found.read_only or found.idempotent


def may_repeat(fault: Fault, *, is_harmless: bool) -> bool:
    """Whether a call that met `fault` once may be sent again."""
    if isinstance(fault, HttpRefusal):
        return is_harmless and fault.status in _TRANSIENT and (fault.retry_after or 0.0) <= PATIENCE
    return fault.unsent or (is_harmless and fault.kind is Kind.CLOSED)


def explained(fault: Fault, *, is_harmless: bool) -> Fault:
    """The fault as its client is told of it: with a word on the outcome where a call may have been carried out."""
    lost = fault.kind is Kind.CLOSED or (isinstance(fault, HttpRefusal) and fault.status in {502, 504})
    if fault.unsent or is_harmless or not lost:
        return fault
    return msgspec.structs.replace(fault, message=f"{fault.message} {UNKNOWN}")


def ended(fault: Fault, *, sent: bool, is_harmless: bool) -> Fault:
    """The fault of a call that we end ourselves, with a word on what became of it where it matters."""
    word = (" " + UNKNOWN if not is_harmless else "") if sent else " " + NEVER_SENT
    return msgspec.structs.replace(fault, message=fault.message + word, unsent=not sent)


def overdue(server: str, *, leased: bool, asked: bool) -> Fault:
    """The fault of a call whose time is over. `leased`: it had a session; `asked`: its client was asked something."""
    if not leased:
        return Fault(Kind.TIMEOUT, f"Server {server} did not come up in time.", server)
    what = f"A question of server {server} was not answered" if asked else f"Server {server} gave no answer"
    return Fault(Kind.TIMEOUT, f"{what} in time; the call was cancelled.", server)
