"""Everything a server lists, all pages of it, as one `ServerCatalog`.

Asks only for what the server advertised. Theory of operation: a listing is whole or it is none: a page that fails fails
it all, because half a list looks like a server that lost its tools (DESIGN.md rule 8).
"""

import logging

import msgspec

from app.config.snapshot import METHOD_TIMEOUT
from app.protocol.faults import Fault, Kind
from app.protocol.mirrored import Misplaced, read_annotations
from app.protocol.versions import Era
from app.relay.catalog import Hint, Item, Members, ServerCatalog
from app.relay.events import PeerError, Request
from app.relay.hints import UNHINTED, merged, read_hint
from app.upstream.connection import Connection
from app.upstream.errors import UpstreamError
from app.upstream.negotiated import Negotiated

log = logging.getLogger("app.upstream")

MAX_PAGES = 1000
MAX_ITEMS = 100_000
METHOD_NOT_FOUND = -32601
DISCOVER = "server/discover"


class Kinds(msgspec.Struct, frozen=True):
    """How a kind is listed: the capability that announces it, the method, the result's member and the item's key."""

    capability: str
    method: str
    member: str
    key: str


TOOLS = Kinds("tools", "tools/list", "tools", "name")
PROMPTS = Kinds("prompts", "prompts/list", "prompts", "name")
RESOURCES = Kinds("resources", "resources/list", "resources", "uri")
TEMPLATES = Kinds("resources", "resources/templates/list", "resourceTemplates", "uriTemplate")


class _Listed(msgspec.Struct, frozen=True):
    """One list; `asked`: the server has it."""

    items: tuple[Item, ...] = ()
    hint: Hint = UNHINTED
    asked: bool = False


_NOTHING = _Listed()


async def list_all(connection: Connection, negotiated: Negotiated) -> ServerCatalog:
    """Drain every list. Raises `UpstreamError` when a page fails or the bounds are passed."""
    tools, prompts, resources, templates = [
        await _list(connection, kind) if kind.capability in negotiated.capabilities else _NOTHING
        for kind in (TOOLS, PROMPTS, RESOURCES, TEMPLATES)
    ]
    hints: dict[str, Hint] = {}
    if connection.era is Era.MODERN:
        kinds = zip((TOOLS, PROMPTS, RESOURCES, TEMPLATES), (tools, prompts, resources, templates), strict=True)
        hints = {DISCOVER: negotiated.hint} | {kind.method: listed.hint for kind, listed in kinds if listed.asked}
    return ServerCatalog(
        tools.items,
        prompts.items,
        resources.items,
        templates.items,
        negotiated.capabilities,
        negotiated.instructions,
        hints,
    )


async def _list(connection: Connection, kind: Kinds) -> "_Listed":
    items: list[Item] = []
    keys: set[str] = set()
    cursors: set[bytes] = set()
    params: Members = {}
    hints: list[Hint] = []
    for _ in range(MAX_PAGES):
        outcome = await connection.call(Request(kind.method, params, {}), METHOD_TIMEOUT)
        if isinstance(outcome, PeerError):
            if not cursors and _code(outcome.raw) == METHOD_NOT_FOUND:
                # Advertised and not there: a plain answer that there are none, and no failure.
                return _NOTHING
            raise _fault(
                connection, kind, "was answered with an error", bytes(outcome.raw)[:500].decode(errors="replace")
            )
        page = _decoded(connection, kind, outcome.raw)
        hints.append(read_hint(page))
        for members in _page_items(connection, kind, page):
            key = _text(members.get(kind.key))
            # An item without a name cannot be called, and of two equal ones only the first could.
            if key is not None and key not in keys:
                keys.add(key)
                items += _item(connection, kind, key, members)
        if len(items) > MAX_ITEMS:
            raise _fault(connection, kind, f"has more than {MAX_ITEMS} items")
        cursor = page.get("nextCursor")
        if cursor is None or bytes(cursor) == b"null":
            return _Listed(tuple(items), merged(hints), asked=True)
        # The empty string is a cursor like any other.
        if bytes(cursor) in cursors:
            raise _fault(connection, kind, "repeats a cursor, so that its list never ends")
        cursors.add(bytes(cursor))
        params = {"cursor": cursor}
    raise _fault(connection, kind, f"has more than {MAX_PAGES} pages")


def _item(connection: Connection, kind: Kinds, key: str, members: Members) -> list[Item]:
    """The item; none for a tool that no HTTP client may be shown (2026-07-28, "x-mcp-header")."""
    if kind is not TOOLS or "inputSchema" not in members:
        return [Item(key, members)]
    found = read_annotations(members["inputSchema"])
    if not isinstance(found, Misplaced):
        return [Item(key, members, found)]
    if connection.era is Era.LEGACY or not connection.remote:
        return [Item(key, members)]
    log.warning("server=%s tool=%.100s is not listed: %.200s", connection.server, key, found.why)
    return []


def _decoded(connection: Connection, kind: Kinds, raw: msgspec.Raw) -> Members:
    try:
        return msgspec.json.decode(raw, type=Members)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _fault(connection, kind, "was answered with a malformed page", str(error)) from error


def _page_items(connection: Connection, kind: Kinds, page: Members) -> list[Members]:
    try:
        return msgspec.json.decode(page[kind.member], type=list[Members])
    except (KeyError, msgspec.DecodeError, RecursionError) as error:
        raise _fault(connection, kind, "was answered with a malformed page", repr(error)) from error


def _text(raw: msgspec.Raw | None) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str) if raw is not None else None
    except msgspec.DecodeError:
        return None


class _ErrorCode(msgspec.Struct):
    code: int = 0


def _code(raw: msgspec.Raw) -> int:
    try:
        return msgspec.json.decode(raw, type=_ErrorCode).code
    except (msgspec.DecodeError, RecursionError):
        return 0


def _fault(connection: Connection, kind: Kinds, what: str, detail: str = "") -> UpstreamError:
    text = f"Server '{connection.server}' could not be listed: {kind.method} {what}."
    return UpstreamError(Fault(Kind.PROTOCOL, text, server=connection.server), detail)
