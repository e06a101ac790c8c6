"""What stands before everything: which paths there are, below which prefix, and one 404 for all others.

The whole app is behind it, so that no other path shows whether there is a prefix, a page or a method: same bytes, from
here and from nginx. Also tells nginx, for its access log alone, who called what; nginx takes those headers off again.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.downstream.callers import Way
from app.downstream.faults import NOT_FOUND
from app.downstream.guards import known_principal
from app.downstream.response import send_json
from app.downstream.unparsed import PATH as UNPARSED

CLIENT = b"x-gateway-client"
TOOL = b"x-gateway-tool"
_TOOL = "mcp.tool"
_LONGEST = 120
# A route's parameter is the name of a server: no path spells it in another way.
_PARAMETER = "[A-Za-z0-9_-]+"


def with_gate(
    app: ASGIApp,
    routes: Iterable[str],
    prefixes: Iterable[str],
    came_by: Callable[[object], Way],
    *,
    hidden: Iterable[str] = (),
    unparsed: ASGIApp | None = None,
) -> ASGIApp:
    """`app` below each of `prefixes` (below none where there is none), for `routes` as Litestar writes them.

    Our own commands on the control socket need no prefix, and reach the `hidden` routes too; our nginx reaches
    `unparsed` (unparsed.py), which nobody else does.
    """
    names = set(routes)
    public, own = _pattern(names - set(hidden)), _pattern(names)
    segments = frozenset(prefix.encode() for prefix in prefixes)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if cast("str", scope["type"]) != "http":
            await app(scope, receive, send)
            return
        whole = cast("dict[str, Any]", scope)
        way, path = came_by(whole["server"]), cast("bytes", whole["raw_path"])
        if unparsed and way == "edge" and path == UNPARSED:
            await unparsed(scope, receive, send)
            return
        known = own if way == "control" else public
        if segments and way != "control":
            # A set compares hashes first: a near miss takes no longer than a far one.
            segment = path[1:].partition(b"/")[0]
            if segment not in segments:
                await send_json(send, 404, NOT_FOUND)
                return
            cut = len(segment) + 1
            # Who tells a client where to go next puts this before it.
            whole["root_path"] = whole.get("root_path", "") + whole["path"][:cut]
            path = whole["raw_path"] = path[cut:]
            whole["path"] = whole["path"][cut:]
        if not known(path):
            await send_json(send, 404, NOT_FOUND)
            return
        await app(scope, receive, _telling(scope, send) if way == "edge" else send)

    return front


def note_tool(scope: Scope, name: str) -> None:
    """The tool that a request calls, for the access log."""
    cast("dict[str, Any]", scope)[_TOOL] = name


def _telling(scope: Scope, send: Send) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            principal = known_principal(scope)
            if principal is not None:
                told = [*message["headers"], (CLIENT, _quoted(principal.client_id))]
                if tool := cast("dict[str, Any]", scope).get(_TOOL):
                    told.append((TOOL, _quoted(tool[:_LONGEST])))
                message["headers"] = told
        await send(message)

    return tell


@lru_cache(maxsize=1024)
def _quoted(text: str) -> bytes:
    return quote(text[:_LONGEST], safe="@:/ ").replace(" ", "%20")[:200].encode()


def _pattern(routes: Iterable[str]) -> Callable[[bytes], object]:
    found = (re.sub(r"\\?\{[^}]*\}", _PARAMETER, re.escape(route.rstrip("/"))) for route in routes)
    return re.compile(f"(?:{'|'.join(sorted(found))})/?".encode()).fullmatch
