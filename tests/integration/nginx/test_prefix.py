"""A secret prefix: everything below it, nothing beside it, and no trace of it (B56 to B58)."""

import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.integration.nginx.raw import exchange, parsed, request
from tests.support.gateway import KEY, Gateway, clean_environment, running_gateway
from tests.support.programs import workbench
from tests.support.wire import Caller, Wire, fresh_address

FIRST, SECOND = "Sx8-first_prefix-of-many", "second-prefix-of-many-letters"
BOTH = {"MCP_PATH_PREFIX": f"{FIRST},{SECOND}", "MCP_LOG_LEVEL": "DEBUG"}
CONFIG = {"mcpServers": {"bench": workbench("bench")}}
BESIDE = [
    "/", "/mcp", "/health", "/health/live", "/servers/bench/mcp", "/doctor", f"/{FIRST}", f"/{FIRST}/",
    f"//{FIRST}/mcp", f"/{FIRST}//mcp", f"/{FIRST}x/mcp", f"/{FIRST[:-1]}/mcp",
    f"/{FIRST.lower()}/mcp", f"/{FIRST}/nothing",
    f"/x/../{FIRST}/mcp", f"/./{FIRST}/mcp", f"/{FIRST}/../mcp", f"/{FIRST}/./mcp", f"/%53{FIRST[1:]}/mcp",
    f"/{FIRST}%2fmcp", f"/{FIRST}%2Fmcp", f"/{FIRST}/%6dcp", f"/{FIRST};/mcp",
    f"/{FIRST}/{FIRST}/mcp", f"/{FIRST}?/mcp", f"/{FIRST}/_error/404", "/_error/404", "/_closed", "/_unparsed",
    "/.git/config", f"/{FIRST}/MCP", f"/{FIRST}/doctor",
    f"/?x=/{FIRST}/mcp", f"/{FIRST},{SECOND}/mcp",
]  # fmt: skip


@pytest.fixture(scope="module", params=["nginx", "direct"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Gateway, Gateway]]:
    """One gateway with two prefixes, and one with none."""
    edge = request.param == "nginx"
    with (
        running_gateway(CONFIG, keys={KEY: "one"}, env=BOTH, edge=edge) as hidden,
        running_gateway(CONFIG, keys={KEY: "one"}, edge=edge) as bare,
    ):
        hidden.wait_until_ready()
        yield hidden, bare


@pytest.fixture
def hidden(pair: tuple[Gateway, Gateway]) -> Gateway:
    return pair[0]


def undated(answer: bytes) -> bytes:
    return re.sub(rb"(?i)\r\ndate: [^\r]*", b"", answer)


def not_found(gateway: Gateway, method: str, path: str, *lines: str) -> bytes:
    body = b"{}" if method in ("POST", "PUT") else b""
    return undated(exchange(gateway, request(method, path, *lines, body=body), source=fresh_address()))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
def test_b56_what_is_not_below_the_prefix_is_one_404_whose_bytes_are_those_of_any_gateway(
    pair: tuple[Gateway, Gateway], method: str
) -> None:
    hidden, bare = pair
    for lines in (
        (),
        (f"Authorization: Bearer {KEY}", "Origin: https://evil.example"),
        ("Origin: http://localhost:1",),
        ("Expect: 100-continue",),
        ("X-A: a\x01b",),
    ):
        expected = not_found(bare, method, "/nowhere", *lines)
        # The app's parser takes no control bytes, on whatever path.
        assert parsed(expected)[0] == 404 or "\x01" in "".join(lines)
        for path in BESIDE:
            assert not_found(hidden, method, path, *lines) == expected, path


@pytest.mark.parametrize("prefix", [FIRST, SECOND])
async def test_b56_everything_is_below_each_of_the_prefixes(hidden: Gateway, prefix: str) -> None:
    for path in (f"/{prefix}/mcp", f"/{prefix}/mcp/", f"/{prefix}/servers/bench/mcp"):
        caller = Caller(hidden.host, hidden.port, KEY, "modern", path=path)
        names = [tool["name"] for tool in (await caller.ask("tools/list")).result["tools"]]
        assert names
    async with await Wire.connect(hidden.host, hidden.port) as wire:
        for path in ("/health", "/health/live", "/health/ready"):
            assert (await wire.request("GET", f"/{prefix}{path}")).status == 200
        assert (await wire.request("POST", f"/{prefix}/mcp", body=b"{}")).status == 401
        assert (await wire.request("PUT", f"/{prefix}/mcp", body=b"{}")).status in (401, 405)


def test_b58_the_prefix_stands_in_no_log_no_answer_and_no_process_list(hidden: Gateway) -> None:
    bad = [
        request("POST", f"/{FIRST}/mcp?key={KEY}", "Content-Type: application/json", body=b"{}"),
        request("POST", f"/{FIRST}/mcp", f"Authorization: Bearer {KEY}", "Content-Type: application/json", body=b"{"),
        request("PUT", f"/{FIRST}/health"),
        request("GET", f"/{FIRST}/health", f"Authorization: Bearer {KEY}"),
        request("GET", f"/{FIRST}/health/"),
        request("FOO", f"/{FIRST}/mcp"),
        request("TRACE", f"/{FIRST}/mcp"),
        request("POST", f"/{FIRST}/mcp", "Content-Length: 99999999999"),
        request("GET", f"/{FIRST}/mcp", "Transfer-Encoding: nonsense"),
        request("GET", f"/{FIRST}/mcp", "X: " + "a" * 9000),
        request("GET", f"/{FIRST}/" + "a" * 10000),
        f"GET /{FIRST}/mcp HTTP/3.7\r\nHost: x\r\n\r\n".encode(),
        f"GET /{FIRST}/mcp HTTP/1.1\r\nConnection: close\r\n\r\n".encode(),
        f"GET http://x/{FIRST}/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
    ]
    for sent in bad:
        answer = exchange(hidden, sent, patience=20, source=fresh_address())
        assert FIRST.encode() not in answer, answer
        assert b"\r\nlocation:" not in answer.lower()
    shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True, timeout=30).stdout
    commands = [
        app(hidden, *command, MCP_HOST="127.0.0.1", **{"MCP_PORT": str(hidden.port)} | more)
        for command, more in (
            (["healthcheck"], {}),
            (["healthcheck"], {"MCP_PORT": "1"}),
            (["connect", "cursor"], {}),
            (["check"], {}),
            (["nginx", "plain"], {}),
            (["tools"], {"MCP_ENDPOINT": f"http://127.0.0.1:{hidden.port}", "MCP_API_KEY": "wrong-key-123"}),
        )
    ]  # fmt: skip
    assert [done.returncode for done in commands] == [0, 1, 0, 0, 0, 1], commands
    seen = "\n".join([hidden.log(), shown, *(done.stdout + done.stderr for done in commands)])
    for prefix in (FIRST, SECOND):
        assert prefix not in seen


def app(gateway: Gateway, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A command of ours beside the gateway, with the prefixes in its environment."""
    env = clean_environment() | BOTH | {"MCP_DATA_DIR": str(gateway.directory / "data")} | more
    command = [sys.executable, "-m", "app", *args]
    return subprocess.run(
        command, cwd=gateway.directory, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_commands_follow_the_prefix(hidden: Gateway) -> None:
    remote = {"MCP_ENDPOINT": hidden.url, "MCP_API_KEY": KEY}
    for where in ({}, remote, remote | {"MCP_ENDPOINT": hidden.endpoint}):
        assert "bench__whoami" in app(hidden, "tools", **where).stdout, where
    done = app(hidden, "call", "bench__whoami", "{}", **remote)
    assert (done.returncode, "bench" in done.stdout) == (0, True), done
    shown = json.loads(app(hidden, "connect", "cursor", MCP_PUBLIC_URL="https://gateway.example").stdout)
    assert shown["mcpServers"]["mcp-proxy"]["url"] == "https://gateway.example/<your prefix>/mcp"


def test_b57_a_near_miss_takes_as_long_as_a_far_one(hidden: Gateway) -> None:
    """Of single requests over one connection, taken in turn, so that the machine's mood is the same for both."""
    near, far = f"/{FIRST[:-1]}x/mcp", "/" + "q" * len(FIRST) + "/mcp"
    taken: dict[str, list[float]] = {near: [], far: []}
    with socket.create_connection((hidden.host, hidden.port), 5, (fresh_address(), 0)) as wire:
        for _ in range(400):
            for path, times in taken.items():
                token = "Authorization: Bearer 0123456789"
                began = time.perf_counter()
                wire.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n".encode())
                assert b" 404 " in wire.recv(4096)
                times.append(time.perf_counter() - began)
    medians = {path: statistics.median(times) for path, times in taken.items()}
    spread = statistics.quantiles(taken[far], n=4)
    assert abs(medians[near] - medians[far]) < spread[2] - spread[0], "well inside what the machine itself adds"
