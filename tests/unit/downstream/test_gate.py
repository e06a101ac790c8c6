"""Which requests there are; all others are one 404."""

from typing import Any

import pytest

from app.config.keyring import Principal
from app.downstream.callers import Way
from app.downstream.faults import NOT_FOUND
from app.downstream.gate import CLIENT, TOOL, note_tool, with_gate
from app.downstream.guards import note_principal
from app.downstream.response import send_json
from app.relay.policy import Grant
from tests.unit.downstream.wire import Wire, scope

PREFIX, SECOND = "a-prefix-of-many-letters-1", "a-prefix-of-many-letters-2"
ROUTES = ("/mcp", "/servers/{name}/mcp", "/health", "/health/live", "/doctor")
SAME = (b"content-type", b"application/json"), (b"content-length", str(len(NOT_FOUND)).encode())


async def inside(scope: Any, receive: Any, send: Any) -> None:
    """Says what it sees; the caller is known as a guard makes it known."""
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        return
    note_principal(scope, Principal("ann é", Grant(["*"])))
    note_tool(scope, "bench__read\r\nx: y")
    before = scope.get("root_path", "")
    await send_json(send, 200, scope["raw_path"] + b" " + scope["path"].encode() + b" " + before.encode())


async def asked(path: str, *prefixes: str, way: Way = "direct", method: str = "POST") -> Wire:
    app, wire = with_gate(inside, iter(ROUTES), prefixes, lambda _: way, hidden=("/doctor",)), Wire()
    await app(scope(method, raw_path=path.encode(), path=path.replace("%6d", "m")), wire.receive, wire.send)
    return wire


@pytest.mark.parametrize(
    "path", ["/mcp", "/mcp/", "/servers/files/mcp", "/servers/a_b-C/mcp/", "/health", "/health/live"]
)
@pytest.mark.parametrize("prefix", [PREFIX, SECOND, ""])
async def test_what_there_is_lies_below_each_prefix_and_looks_inside_as_without_one(path: str, prefix: str) -> None:
    wire = await (asked(f"/{prefix}{path}", PREFIX, SECOND) if prefix else asked(path))
    before = f"/{prefix}" if prefix else ""
    assert (wire.status, wire.body) == (200, f"{path} {path} {before}".encode())


NOWHERE = [
    "/", "", "/x", "//mcp", "/mcp//", "/servers//mcp", "/%2fmcp", "/mcp%2F", "/%6dcp", "/MCP", "/mcp/x",
    "/servers/a/b/mcp", "/servers/a%20b/mcp", "/healthz", "/doctor", "/x/../mcp", "/./mcp", "/mcp\n", "/mcp;x", "*",
]  # fmt: skip
BESIDE = [
    "/mcp", "/health", f"/{PREFIX}", f"/{PREFIX}/", f"//{PREFIX}/mcp", f"/{PREFIX}//mcp", f"/{PREFIX}x/mcp",
    f"/{PREFIX[:-1]}/mcp", f"/{PREFIX.upper()}/mcp", f"/x/../{PREFIX}/mcp", f"/{PREFIX}/../mcp",
    f"/%61{PREFIX[1:]}/mcp", f"/{PREFIX}%2fmcp", f"/{PREFIX}/{PREFIX}/mcp", f"/{PREFIX},{SECOND}/mcp",
    f"/{PREFIX}/doctor", f"{PREFIX}/mcp",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE", "PUT", "FOO"])
async def test_any_other_path_is_the_same_404_with_a_prefix_and_without(method: str) -> None:
    for path in NOWHERE:
        wire = await asked(path, method=method)
        assert (wire.status, wire.body, tuple(wire.sent[0]["headers"])) == (404, NOT_FOUND, SAME), path
    for path in (*NOWHERE, *BESIDE):
        for way in ("direct", "edge"):
            wire = await asked(path, PREFIX, SECOND, way=way, method=method)  # type: ignore[arg-type] # of a literal
            assert (wire.status, wire.body, tuple(wire.sent[0]["headers"])) == (404, NOT_FOUND, SAME), path


async def test_our_own_commands_need_no_prefix_and_reach_what_is_hidden() -> None:
    for path in ("/mcp", "/doctor"):
        assert (await asked(path, PREFIX, way="control")).status == 200
    assert (await asked(f"/{PREFIX}/mcp", PREFIX, way="control")).status == 404


async def test_nginx_alone_asks_about_what_it_could_not_read_whatever_the_prefix() -> None:
    async def unparsed(scope: Any, receive: Any, send: Any) -> None:
        await send_json(send, 401, b"{}")

    for prefixes in ((), (PREFIX,)):
        for way, status in (("edge", 401), ("direct", 404), ("control", 404)):
            app = with_gate(inside, iter(ROUTES), prefixes, lambda _, way=way: way, unparsed=unparsed)
            wire = Wire()
            await app(scope("GET", raw_path=b"/_unparsed", path="/_unparsed"), wire.receive, wire.send)
            assert wire.status == status, way


async def test_nginx_alone_is_told_who_called_what_and_nothing_becomes_a_header_of_its_own() -> None:
    told = (await asked("/mcp", way="edge")).headers
    assert told[CLIENT] == b"ann%20%C3%A9"
    assert told[TOOL] == b"bench__read%0D%0Ax:%20y"
    assert not {CLIENT, TOOL} & set((await asked("/mcp", way="direct")).headers)


async def test_the_life_of_the_app_passes() -> None:
    wire = Wire()
    await with_gate(inside, ROUTES, (PREFIX,), lambda _: "direct")({"type": "lifespan"}, wire.receive, wire.send)  # type: ignore[typeddict-item,arg-type] # no more is looked at
    assert wire.sent == [{"type": "lifespan.startup.complete"}]
