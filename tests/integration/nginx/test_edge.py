"""Raw bytes at the real nginx with our configuration (RELIABILITY.md section 2a, section 4)."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.integration.nginx.raw import exchange, parsed
from tests.support.gateway import Gateway, running_gateway
from tests.support.pace import kept
from tests.support.wire import Wire

BARE = "tests.support.bare_app:create_app"
LIMIT = 1024 * 1024
NOT_FOUND = b'{"error":"not_found","error_description":"Not found"}'


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway({"mcpServers": {}}, edge=True, app=BARE, env={"MCP_MAX_BODY": "1mb"}) as running:
        yield running


MALFORMED = {
    "garbage": b"\x00\x01\x02garbage\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "bad host": b"GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n",
    "length and chunks": (
        b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "two lengths": b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "negative length": b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "plus length": b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n",
    "unknown coding": b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "bad chunk size": b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "nul in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n",
    "40 kB of headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"X-A: " + b"a" * 7000 + b"\r\n") * 6 + b"\r\n",
    "long uri": b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "version 3.7": b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
    "trace": b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "connect": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n",
    "bad escape": b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "nul in the path": b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request_is_answered_in_json_and_the_next_request_works(gateway: Gateway, sent: bytes) -> None:
    status, headers, body = parsed(exchange(gateway, sent))
    assert 400 <= status < 600
    assert status not in (500, 502)
    assert headers["content-type"] == "application/json"
    assert set(json.loads(body)) == {"error", "error_description"}
    assert gateway.is_live()


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp?x=1", "/servers/files/mcp"])
def test_on_an_mcp_endpoint_what_nginx_says_is_a_json_rpc_error_without_an_id(gateway: Gateway, path: str) -> None:
    sent = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT + 1}\r\nConnection: close\r\n\r\n".encode()
    status, headers, body = parsed(exchange(gateway, sent))
    assert status == 413
    assert headers["content-type"] == "application/json"
    message = json.loads(body)
    assert message["jsonrpc"] == "2.0"
    assert set(message) == {"jsonrpc", "error"}
    assert (message["error"]["code"], type(message["error"]["message"])) == (-32600, str)


@pytest.mark.parametrize(
    "head",
    [
        f"Content-Length: {LIMIT + 1}\r\n\r\n",
        f"Content-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n",
        f"Transfer-Encoding: chunked\r\n\r\n{LIMIT + 1:x}\r\n" + "x" * (LIMIT + 1) + "\r\n0\r\n\r\n",
    ],
    ids=["length", "expect", "chunked"],
)
def test_a_body_one_byte_too_large_is_refused_before_the_app_sees_it(gateway: Gateway, head: str) -> None:
    answer = exchange(gateway, f"POST /servers/count/mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}".encode())
    status, _, body = parsed(answer)
    assert (status, json.loads(body)["error"]["code"]) == (413, -32600)


async def test_a_body_of_exactly_the_limit_arrives(gateway: Gateway) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        answer = await wire.request("POST", "/servers/count/mcp", body=b"x" * LIMIT)
        assert (answer.status, answer.body) == (200, str(LIMIT).encode())


async def test_headers_arrive_as_they_were_sent_and_the_peer_is_ours_to_say(gateway: Gateway) -> None:
    sent = [
        ("Mcp-Param-A_b", "underscore"),
        ("x_y", "1"),
        ("Twice", "one"),
        ("Twice", "two"),
        ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"),
        ("X-Real-IP", "192.0.2.3"),
        ("Authorization", "Bearer abc"),
    ]
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        shown = (await wire.request("GET", "/servers/headers/mcp", sent)).json()
    pairs = [(name, value) for name, value in shown["headers"]]
    assert ("mcp-param-a_b", "underscore") in pairs
    assert ("x_y", "1") in pairs
    assert [value for name, value in pairs if name == "twice"] == ["one", "two"]
    assert [value for name, value in pairs if name == "x-forwarded-for"] == ["127.0.0.1"]
    assert [value for name, value in pairs if name == "x-real-ip"] == ["127.0.0.1"]
    assert ("host", wire.host) in pairs
    assert not [name for name, _ in pairs if name == "connection"]
    assert shown["server"][0].endswith("/app.sock")


@pytest.mark.parametrize("path", ["/servers/headers/mcp/", "/servers/headers/mcp?x=%2f//&y", "/servers/headers/mcp?"])
async def test_a_path_reaches_the_app_unchanged(gateway: Gateway, path: str) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        answer = await wire.request("GET", path)
    assert answer.json()["path"] == path.partition("?")[0]
    assert answer.json()["query"] == path.partition("?")[2]


@pytest.mark.parametrize(
    "path", ["//mcp", "/servers//mcp", "/servers/headers/../headers/mcp", "/servers/head%65rs/mcp", "/%2fmcp", "/MCP"]
)
async def test_a_path_of_another_spelling_is_none_of_ours(gateway: Gateway, path: str) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        answer = await wire.request("GET", path)
    assert (answer.status, answer.body) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", ["/_error/400", "/_error/502", "/_error", "/nothing", "/.git/config"])
async def test_an_unknown_path_is_one_404_and_nginxs_own_pages_are_unknown_too(gateway: Gateway, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT", "FOO"):
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            answer = await wire.request(method, path, body=b"")
            assert (answer.status, answer.body) == (404, NOT_FOUND)
            assert answer.header("content-type") == "application/json"


async def test_a_method_nobody_knows_is_a_405_with_allow_on_an_endpoint(gateway: Gateway) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        answer = await wire.request("FOO", "/mcp")
    assert (answer.status, answer.header("allow")) == (405, "GET, POST, DELETE, OPTIONS")
    assert answer.json()["error"]["code"] == -32600


async def test_an_event_is_passed_on_when_it_is_written(gateway: Gateway) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        begun = time.monotonic()
        assert (await wire.ask("GET", "/servers/stream/mcp")).is_stream
        messages = wire.messages()
        assert [await anext(messages) for _ in range(3)] == [0, 1, 2]
        took = time.monotonic() - begun
        assert took > 1.5
        assert kept(took, 3.5)


async def test_a_large_answer_arrives_whole(gateway: Gateway) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        for size in (0, 1, 65536, 4 * 1024 * 1024):
            assert len((await wire.request("GET", f"/servers/big/mcp?{size}")).body) == size


async def test_one_connection_carries_a_hundred_answers(gateway: Gateway) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        for _ in range(100):
            assert (await wire.request("GET", "/health/live")).status == 200


def test_nginx_says_nothing_about_itself_but_its_name(gateway: Gateway) -> None:
    _, headers, _ = parsed(exchange(gateway, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert headers["server"] == "nginx"
