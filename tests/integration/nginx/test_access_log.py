"""The access log: one JSON object a line whatever comes in, with who called what; no key, no prefix, no query (B59)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.nginx.access_log import line_of, lines_of
from tests.integration.nginx.raw import exchange, parsed, request
from tests.support.edge import edge_log, running_behind
from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, until

PREFIX = "a-prefix-of-many-letters"
CONFIG = {"mcpServers": {"bench": workbench("bench")}}
HOSTILE = {
    "quotes": b'a"b\\c"}',
    "escape codes": b"\x1b[31mred",
    "bytes that are no UTF-8": b"a\xff\xfe\xc3(",
    "an overlong form": b"\xc0\xaf\xe0\x80\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "tab and controls": b"a\tb\x01c\x7f",
    "a line of ours": b'"}\\n{"time":"x","logger":"nginx.access"}',
    "very long": b"a" * 7000,
    "a variable": b"$http_authorization $request",
    "right to left": "\u202eabc".encode(),
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    env = {"MCP_PATH_PREFIX": PREFIX}
    with running_gateway(CONFIG, keys={KEY: "ann é"}, edge=True, env=env) as running:
        running.wait_until_ready()
        yield running


async def test_a_call_is_one_line_with_its_client_and_tool_which_the_client_is_not_shown(gateway: Gateway) -> None:
    caller = Caller(gateway.host, gateway.port, KEY, "modern", path=f"{gateway.prefix}/mcp")
    reply = await caller.call("bench__whoami")
    assert not [name for name, _ in reply.answer.headers if name.lower().startswith("x-gateway")]
    ident = reply.answer.header("x-request-id")
    [line] = eventually(lambda: [line for line in lines_of(gateway) if line["id"] == ident], what="its line")
    known = {
        "level": "INFO", "message": "request", "address": "127.0.0.1", "peer": "127.0.0.1", "client": "ann%20%C3%A9",
        "method": "POST", "path": "/mcp", "tool": "bench__whoami", "status": 200, "upstream_status": "200", "limit": "",
        "completed": True, "protocol": "HTTP/1.1", "tls": "", "mcp_method": "tools/call", "mcp_name": "bench__whoami",
    }  # fmt: skip
    assert {name: line[name] for name in known} == known
    assert 0 <= float(line["first_byte_seconds"]) <= line["seconds"] < 60
    assert line["received"] > 100
    assert line["sent"] > 100


async def test_a_legacy_call_that_names_its_tool_in_the_body_alone_has_it_too(gateway: Gateway) -> None:
    caller = Caller(gateway.host, gateway.port, KEY, "legacy", path=f"{gateway.prefix}/servers/bench/mcp")
    ident = (await caller.call("whoami")).answer.header("x-request-id")
    [line] = eventually(lambda: [line for line in lines_of(gateway) if line["id"] == ident], what="its line")
    assert (line["path"], line["tool"], line["mcp_name"]) == ("/servers/bench/mcp", "whoami", "")


@pytest.mark.parametrize("field", ["User-Agent", "Mcp-Name", "Mcp-Method", "Mcp-Session-Id", "X-Request-Id", "Host"])
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_b59_whatever_bytes_come_in_a_line_is_one_object(gateway: Gateway, field: str, value: bytes) -> None:
    before = len(lines_of(gateway))
    head = f"GET {gateway.prefix}/health HTTP/1.1\r\n" + ("" if field == "Host" else "Host: x\r\n")
    sent = head.encode() + field.encode() + b": " + value + b"\r\nConnection: close\r\n\r\n"
    status, _, _ = parsed(exchange(gateway, sent))
    assert status in (200, 400, 401, 403)
    after = eventually(lambda: found if len(found := lines_of(gateway)) > before else [], what="a line")
    assert len(after) == before + 1
    assert after[-1]["status"] == status
    assert all(str(text).isascii() and str(text).isprintable() for text in after[-1].values())


@pytest.mark.parametrize("tool", ['x"}\n{', "\x1b[31m", "\u202etool", "x" * 5000, "a b", "../../etc"])
async def test_b59_a_tool_of_any_name_is_one_line(gateway: Gateway, tool: str) -> None:
    caller = Caller(gateway.host, gateway.port, KEY, "legacy", path=f"{gateway.prefix}/mcp")
    answer = (await caller.call(tool)).answer
    ident = answer.header("x-request-id")
    [line] = eventually(lambda: [line for line in lines_of(gateway) if line["id"] == ident], what="its line")
    assert len(line["tool"]) <= 200
    assert line["tool"].isascii()


PATHS = {
    "/": "other",
    "/mcp": "other",
    f"/{PREFIX}": "other",
    f"/{PREFIX}/x": "other",
    f"//{PREFIX}/mcp": "other",
    f"/%61{PREFIX[1:]}/mcp": "other",
    f"/x?{PREFIX}": "other",
    f"/{KEY}": "other",
    f"/{PREFIX}/servers/{KEY}{KEY}/mcp": "other",
    f"/{PREFIX}/mcp?key=query-secret": "/mcp",
    f"/{PREFIX}/servers/bench/mcp/?key=query-secret": "/servers/bench/mcp",
}


@pytest.mark.parametrize(("path", "shown"), PATHS.items(), ids=range(len(PATHS)))
def test_a_path_is_shown_where_it_is_one_of_ours_and_a_query_never(gateway: Gateway, path: str, shown: str) -> None:
    agent = f"path {list(PATHS).index(path)}"
    exchange(gateway, request("PUT", path, f"Authorization: Bearer {KEY}", f"User-Agent: {agent}"))
    line = line_of(gateway, agent)
    assert (line["path"], line["method"]) == (shown, "PUT")
    for secret in (PREFIX, KEY, "query-secret"):
        assert secret not in gateway.log()


def test_a_key_that_its_client_shows_elsewhere_stands_in_no_line() -> None:
    """Of an nginx that knows no key, as the one in a container of its own."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": KEY, "arguments": {}}}
    lines = ["Content-Type: application/json", f"User-Agent: a {KEY} b", f"Mcp-Name: {KEY}", f"Mcp-Method: x{KEY}"]
    with running_behind("plain", CONFIG, keys={KEY: "one"}) as apart:
        sent = request("POST", "/mcp", f"Authorization: Bearer {KEY}", *lines, body=json.dumps(call).encode())
        assert parsed(exchange(apart, sent))[0] == 200
        eventually(lambda: '"method":"POST","path":"/mcp"' in edge_log(apart), what="its line")
        assert KEY not in edge_log(apart)
        assert '"tool":"","status":200' in edge_log(apart)


def test_what_cannot_be_read_has_a_line_too(gateway: Gateway) -> None:
    for sent in (b"\x00\x01garbage\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + b"\x00" * 64, b"FOO-BAR / HTTP/1.1\r\n\r\n"):
        before = len(lines_of(gateway))
        exchange(gateway, sent)
        [line] = eventually(lambda at=before: lines_of(gateway)[at:], what="a line")
        assert (line["path"], line["method"]) == ("other", "other")
        assert line["status"] in (400, 404)


def test_health_checks_that_find_all_well_are_no_news(gateway: Gateway) -> None:
    before = len(lines_of(gateway))
    assert gateway.is_live()
    exchange(gateway, request("GET", f"{gateway.prefix}/health", "User-Agent: after"))
    line_of(gateway, "after")
    assert len(lines_of(gateway)) == before + 1


def test_it_can_be_switched_off() -> None:
    env = {"MCP_LOG_LEVELS": "nginx.access:WARNING"}
    with running_gateway({"mcpServers": {}}, keys={KEY: "one"}, edge=True, env=env) as quiet:
        exchange(quiet, request("GET", "/health"))
        quiet.stop()
        assert lines_of(quiet) == []


HOSTILE_SERVER = """
import json, sys
EVIL = "x\\r\\nX-Injected: yes"
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = {
        "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                       "serverInfo": {"name": EVIL, "version": EVIL}, "instructions": EVIL},
        "tools/list": {"tools": [{"name": EVIL, "title": EVIL, "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": EVIL}]},
    }.get(message["method"], {})
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


@pytest.mark.parametrize("edge", [True, False], ids=["nginx", "direct"])
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_b60_what_a_server_calls_its_tools_never_becomes_a_header(tmp_path: Path, era: str, edge: bool) -> None:
    script = tmp_path / "hostile.py"
    script.write_text(HOSTILE_SERVER)
    config = {"mcpServers": {"evil": {"command": sys.executable, "args": ["-I", str(script)]}}}
    with running_gateway(config, keys={KEY: "one"}, edge=edge) as gateway:
        caller = Caller(gateway.host, gateway.port, KEY, era)

        async def ready() -> bool:
            return bool((await caller.ask("tools/list")).result["tools"])

        await until(ready, "its tools")
        first = await caller.initialize() if era == "legacy" else await caller.ask("server/discover")
        listed = await caller.ask("tools/list")
        [name] = [tool["name"] for tool in listed.result["tools"]]
        called = await caller.call(name)
        assert "X-Injected" in called.text, "content is passed on as it is"
        unknown = await caller.call("evil__x\r\nX-Injected: yes")
        for reply in (first, listed, called, unknown):
            assert not [value for header in reply.answer.headers for value in header if "injected" in value.lower()]
