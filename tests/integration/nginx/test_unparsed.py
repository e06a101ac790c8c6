"""Two `Authorization` headers, which nginx refuses while it reads them: the 401 of any wrong key all the same (B46)."""

import asyncio
import json

import pytest

from tests.integration.bad_input.cast import UNAUTHENTICATED
from tests.integration.nginx.access_log import line_of
from tests.integration.nginx.raw import exchange, parsed, request
from tests.integration.nginx.test_errors import alone, ask, checked
from tests.integration.nginx.test_http2 import END_HEADERS, END_STREAM, HEADERS, HOST, Http2, fields, frame, served
from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.programs import workbench
from tests.support.wire import Caller, fresh_address, until

CONFIG = {"mcpServers": {"bench": workbench("bench")}}
PREFIX = "a-prefix-of-many-letters"
GOOD, OTHER = f"Authorization: Bearer {KEY}", "authorization: Basic eDp5"
BODY = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
OURS = ["/mcp", "/mcp/", "/servers/bench/mcp", "/sse", "/health", "/health/ready", "/mcp?x=1"]


@pytest.fixture(scope="module", params=["", PREFIX])
def gateway(request: pytest.FixtureRequest):
    env = {"MCP_PATH_PREFIX": request.param} if request.param else {}
    with running_gateway(CONFIG, keys={KEY: "one"}, edge=True, env=env) as running:
        running.wait_until_ready()
        yield running, f"/{request.param}" if request.param else ""


async def sent_to(running: Gateway, sent: bytes) -> bytes:
    """From an address of its own: each pair counts as a wrong key of its address."""
    return await asyncio.to_thread(exchange, running, sent, source=fresh_address())


def assert_401(answer: bytes) -> None:
    status, headers, body = parsed(answer)
    assert (status, body) == (401, UNAUTHENTICATED)
    assert headers["www-authenticate"] == "Bearer"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", OURS)
@pytest.mark.parametrize("pair", [(GOOD, OTHER), (OTHER, GOOD), (GOOD, GOOD)])
async def test_b46_the_pair_is_the_one_401_on_every_path_of_ours(
    gateway: tuple[Gateway, str], path: str, pair: tuple[str, str]
) -> None:
    running, before = gateway
    for method, body in (("POST", BODY), ("GET", b""), ("DELETE", b"")):
        sent = request(method, before + path, *pair, body=body)
        assert_401(await sent_to(running, sent))
    caller = Caller(running.host, running.port, KEY, "modern", path=f"{before}/mcp")
    assert (await caller.call("bench__whoami")).status == 200


async def test_b46_wherever_the_pair_stands_and_in_http_1_0(gateway: tuple[Gateway, str]) -> None:
    running, before = gateway
    first = f"POST {before}/mcp HTTP/1.1\r\n{GOOD}\r\n{OTHER}\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}"
    old = f"POST {before}/mcp HTTP/1.0\r\n{GOOD}\r\nContent-Length: 2\r\n{OTHER}\r\n\r\n{{}}"
    chunked = (
        f"POST {before}/mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{GOOD}\r\n{OTHER}\r\n\r\n0\r\n\r\n"
    )
    for sent in (first, old, chunked):
        assert_401(await sent_to(running, sent.encode()))


async def test_b48_pairs_slow_their_address_down_as_other_wrong_keys_do(gateway: tuple[Gateway, str]) -> None:
    running, before = gateway
    source, sent = fresh_address(), request("POST", f"{before}/mcp", GOOD, OTHER, body=BODY)

    async def slowed() -> bool:
        status, headers, _ = parsed(await asyncio.to_thread(exchange, running, sent, source=source))
        return status == 429 and "retry-after" in headers

    await until(slowed, "a 429")


async def test_what_else_is_malformed_stays_a_400_and_no_place_is_a_401(gateway: tuple[Gateway, str]) -> None:
    running, before = gateway
    sent = request("POST", f"{before}/mcp", GOOD, "Host: y", "User-Agent: two-hosts", body=BODY)
    checked(parsed(await sent_to(running, sent)), 400, rpc=True)
    sent = request("POST", f"{before}/nowhere", GOOD, OTHER, body=BODY)
    checked(parsed(await sent_to(running, sent)), 400, rpc=False)


async def test_nobody_but_nginx_asks(gateway: tuple[Gateway, str]) -> None:
    running, before = gateway
    for path in ("/_unparsed", f"{before}/_unparsed", "/_error/unparsed"):
        sent = request("GET", path, GOOD)
        checked(parsed(await sent_to(running, sent)), 404, rpc=False)


async def test_the_access_log_has_it_with_its_path_and_no_key(gateway: tuple[Gateway, str]) -> None:
    running, before = gateway
    sent = request("POST", f"{before}/mcp?secret=1", "User-Agent: twice", GOOD, OTHER, body=BODY)
    await sent_to(running, sent)
    line = line_of(running, "twice")
    assert (line["status"], line["path"], line["method"], line["client"]) == (401, "/mcp", "POST", "")
    log = running.log()
    assert KEY not in log
    assert "secret=1" not in log


async def test_b46_over_http_2() -> None:
    with served() as (_, port):

        async def answered() -> bool:
            return b"\x03401" in await asyncio.to_thread(_pair_over_http_2, port)

        await until(answered, "a 401 over HTTP/2, once the app is there", 60)


def _pair_over_http_2(port: int) -> bytes:
    """The head of the answer; nginx writes a status that HPACK has no number for as its three digits."""
    http2 = Http2(port)
    with http2.wire:
        head = fields(
            (":method", "GET"), (":scheme", "https"), (":path", "/mcp"), (":authority", HOST),
            ("authorization", f"Bearer {KEY}"), ("authorization", "Basic eDp5"),
        )  # fmt: skip
        http2.wire.sendall(frame(HEADERS, END_HEADERS | END_STREAM, 1, head))
        for kind, _, stream, payload in http2.frames():
            if kind == HEADERS and stream == 1:
                return payload
    return b""


def test_without_the_app_the_pair_is_malformed_in_json(tmp_path_factory: pytest.TempPathFactory) -> None:
    with alone(tmp_path_factory.mktemp("nginx")) as port:
        for path, rpc in (("/mcp", True), ("/health", False)):
            answer = ask(port, request("GET", path, GOOD, OTHER))
            checked(answer, 400, rpc=rpc)
            json.loads(answer[2])
