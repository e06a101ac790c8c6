"""The worker's server ends by returning, and says so to all that lasts. (Its processes: tests/integration/process.)"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.gateway.drain import Drain
from app.serve import worker
from tests.support.bare_app import create_app
from tests.support.wire import Wire


def _server() -> worker.GatewayServer:
    return worker.GatewayServer(Config(create_app(), log_config=None))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
async def test_a_signal_begins_the_drain_and_is_not_raised_again(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain, server = Drain(), _server()
    monkeypatch.setattr(worker, "DRAIN", drain)
    former = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)}
    try:
        with server.capture_signals():
            os.kill(os.getpid(), number)
            await asyncio.wait_for(drain.wait(), 30)
        os.kill(os.getpid(), number)
        assert server.should_exit
        assert server.force_exit == (number != signal.SIGTERM)
    finally:
        for n, handler in former.items():
            signal.signal(n, handler)


def test_a_second_signal_insists() -> None:
    server = _server()
    server.handle_exit(signal.SIGTERM, None)
    assert not server.force_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.force_exit


def test_what_is_no_http_is_answered_in_json() -> None:
    class Wire:
        written = b""
        closed = False

        def write(self, data: bytes) -> None:
            self.written += data

        def close(self) -> None:
            self.closed = True

    protocol, wire = object.__new__(worker.GatewayProtocol), Wire()
    protocol.transport = wire  # type: ignore[assignment] # the two methods that are used
    protocol.send_400_response("Invalid HTTP request received.")
    head, _, body = wire.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert f"content-length: {len(body)}".encode() in head
    assert wire.closed


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Of a listener that waits for half a second for a head."""
    monkeypatch.setattr(worker, "HEAD_WITHIN", 0.5)
    config, state = Config(create_app(), log_config=None, http=worker.GatewayProtocol), ServerState()
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: worker.GatewayProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


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
        assert told.endswith(worker.TOO_SLOW[1])
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


def test_its_settings_are_those_the_process_model_needs() -> None:
    assert worker.GatewayWorker.CONFIG_KWARGS["timeout_graceful_shutdown"] == 5
    assert worker.GatewayWorker.CONFIG_KWARGS["loop"] == "uvloop"
    assert not worker.GatewayWorker.CONFIG_KWARGS["proxy_headers"]
