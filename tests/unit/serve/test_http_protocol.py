"""Bounds of a request's head, and JSON for all that is none: the protocol over real sockets, before a bare app."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.serve import http_protocol
from app.serve.http_protocol import HEAD, LINE, TOO_SLOW, GatewayProtocol
from tests.support.bare_app import create_app
from tests.support.wire import Answer, Wire, until

START = b"POST /servers/headers/mcp HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Of a listener that waits for half a second for a head."""
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.5)
    config, state = Config(create_app(), log_config=None, http=GatewayProtocol), ServerState()
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GatewayProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]

        async def is_idle() -> bool:
            return not state.connections and not state.tasks

        await until(is_idle, "nothing is served any more")


async def dripped(wire: Wire, drip: bytes) -> bytes:
    """All that comes back while this is sent again and again, to the end of the connection."""
    received = b""
    async with asyncio.timeout(30):
        with suppress(ConnectionError):
            while True:
                wire.writer.write(drip)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        piece = await wire.reader.read(65536)
                        if not piece:
                            break
                        received += piece
    return received


async def test_a_head_that_does_not_come_to_its_end_is_cut_off_and_so_is_a_client_that_says_nothing(port: int) -> None:
    async with await Wire.connect("127.0.0.1", port) as silent, await Wire.connect("127.0.0.1", port) as dripping:
        await dripping.send(b"GET /servers/headers/mcp HTTP/1.1\r\n")
        told = await dripped(dripping, b"X-A: b\r\n")
        assert told.startswith(b"HTTP/1.1 408 ")
        assert TOO_SLOW[2].encode() in told
        assert await silent.reader.read() == b""


@pytest.mark.parametrize("drip", [b"X-A: b\r\n", b"\r\n"])
async def test_on_a_kept_connection_too(port: int, drip: bytes) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        assert (await wire.request("GET", "/servers/headers/mcp")).status == 200
        await wire.send(b"GET /servers/headers/mcp HTTP/1.1\r\n" if drip != b"\r\n" else drip)
        told = await dripped(wire, drip)
        assert told.startswith(b"HTTP/1.1 408 ") or (told == b"" and drip == b"\r\n")


async def test_who_waits_for_an_answer_or_between_two_requests_is_left_alone(port: int) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(b"GET /servers/slow/mcp?1.5 HTTP/1.1\r\n")
        await asyncio.sleep(0.1)
        await wire.send(b"Host: x\r\n\r\n")
        answer = await wire.head()
        assert answer.status == 200
        assert [piece async for piece in wire.pieces()] == [b"done"]
        await asyncio.sleep(1.0)
        assert (await wire.request("GET", "/servers/headers/mcp")).status == 200


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("GET", {"error": "internal", "error_description": "The gateway failed; its log says why."}),
        ("POST", {"jsonrpc": "2.0", "error": {"code": -32603, "message": "The gateway failed; its log says why."}}),
    ],
)
async def test_an_app_that_fails_without_an_answer_is_answered_for_in_json(
    port: int, method: str, told: dict[str, object]
) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        answer = await wire.request(method, "/servers/slow/mcp?this-is-no-number")
    assert answer.status == 500
    assert answer.json() == told


async def test_what_is_no_http_is_answered_in_json(port: int) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(b"\x00garbage\r\n\r\n")
        told = json.loads((await refused(wire, 400)).body)
        assert told["error"] == "invalid_request"


async def refused(wire: Wire, status: int) -> Answer:
    """The answer of this status, after which the connection ends."""
    answer = await wire.head()
    assert answer.status == status
    assert answer.header("connection") == "close"
    answer.body = b"".join([piece async for piece in wire.pieces()])
    assert answer.header("content-type") == "application/json"
    assert await wire.reader.read() == b""
    return answer


def line(name: str, size: int) -> bytes:
    """A header of so many bytes."""
    return name.encode() + b": " + b"a" * (size - len(name) - 4) + b"\r\n"


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "in two pieces"])
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([line("X-A", LINE)], 200),
        ([line("X-A", LINE + 1)], 431),
        ([line("MCP-Protocol-Version", LINE + 2000)], 200),
        ([line(f"X-{n}", 4000) for n in range(8)], 200),
        ([line(f"X-{n}", 4000) for n in range(9)], 431),
        ([line("MCP-Protocol-Version", HEAD)], 431),
    ],
)
async def test_a_head_may_have_so_many_bytes(port: int, lines: list[bytes], status: int, pause: bool) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        sent = START + b"".join(lines) + b"Content-Length: 0\r\n\r\n"
        if pause:
            await wire.send(sent[:5000])
            await asyncio.sleep(0.05)
            sent = sent[5000:]
        await wire.send(sent)
        if status == 200:
            assert (await wire.head()).status == 200
        else:
            error = (await refused(wire, status)).json()["error"]
            assert error["code"] == -32600
            assert "8 kB" in error["message"]


async def test_a_uri_that_is_too_long_says_so(port: int) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(b"GET /" + b"a" * LINE + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await refused(wire, 414)).json()["error"] == "uri_too_long"


async def test_a_head_without_an_end_is_not_kept(port: int) -> None:
    """Refused at the bound, and not when its time is over, which is 408."""
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(START)
        for _ in range(3):
            await asyncio.sleep(0.03)
            await wire.send(line("X-A", 8000) + line("X-B", 8000))
        assert (await refused(wire, 431)).json()["error"]["code"] == -32600


async def test_who_is_refused_may_send_its_body_and_sees_why(port: int) -> None:
    """An end of the connection would meet the body, and the answer be lost with it: nginx would say 502."""
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(START + line("X-A", LINE + 1) + b"Content-Length: 8000000\r\n\r\n")
        for _ in range(8):
            await wire.send(b"x" * 1_000_000)
        assert (await refused(wire, 431)).json()["error"]["code"] == -32600


async def test_a_request_behind_a_large_body_is_not_weighed_with_it(port: int) -> None:
    body = b"x" * (HEAD + 1000)
    sent = START + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(sent[:20])
        await asyncio.sleep(0.05)
        await wire.send(sent[20:] + START)
        await asyncio.sleep(0.05)
        await wire.send(b"Content-Length: 0\r\n\r\n")
        for _ in range(2):
            assert (await wire.head()).status == 200
            assert [piece async for piece in wire.pieces()]


async def test_a_bad_request_behind_a_good_one_is_not_answered_in_its_place(port: int) -> None:
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(b"GET /servers/slow/mcp?0.3 HTTP/1.1\r\nHost: x\r\n\r\n" + START + line("X-A", 9000) + b"\r\n")
        assert (await wire.head()).status == 200
        assert [piece async for piece in wire.pieces()] == [b"done"]
        assert await wire.reader.read() == b""


@pytest.mark.parametrize(
    ("beginning", "drip"), [(b"0\r\n", line("X-A", 4000)), (b"1;", b"a" * 4000)], ids=["trailers", "an extension"]
)
async def test_what_stands_around_the_chunks_of_a_body_has_a_bound(port: int, beginning: bytes, drip: bytes) -> None:
    """httptools keeps trailers, and joins each piece to what it has: megabytes would take the loop for seconds."""
    async with await Wire.connect("127.0.0.1", port) as wire:
        await wire.send(b"POST /servers/slow/mcp?2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await wire.send(b"1\r\nx\r\n" + beginning)
        sent = 0
        with suppress(ConnectionError):
            while sent < 100 * HEAD and not wire.reader.at_eof():
                await wire.send(drip)
                await asyncio.sleep(0.005)
                sent += len(drip)
        assert sent < 10 * HEAD
