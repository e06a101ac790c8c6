"""Clients that send slowly, or not at all, are cut off in bounded time, behind nginx and without it (B15, B16)."""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.pace import kept
from tests.support.wire import Wire, fresh_address

BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


@pytest.fixture(scope="module")
def gateways() -> Iterator[tuple[Gateway, Gateway]]:
    """One behind nginx and one without: each bound is waited for once, at both."""
    with (
        running_gateway({"mcpServers": {}}, keys={KEY: "one"}, edge=True) as behind,
        running_gateway({"mcpServers": {}}, keys={KEY: "one"}) as direct,
    ):
        yield behind, direct


async def cut_off(gateway: Gateway, head: str, drip: bytes = b"x", pause: float | None = None) -> tuple[float, bytes]:
    """Seconds until a request that drips so much each `pause` (None: stalls) was cut off, and the answer."""
    limit = 90.0
    async with await Wire.connect(gateway.host, gateway.port, limit, fresh_address()) as wire:
        began = time.monotonic()
        await wire.send(head.encode())
        received = b""
        while time.monotonic() - began < limit:
            try:
                async with asyncio.timeout(pause or limit):
                    piece = await wire.reader.read(65536)
            except TimeoutError:
                await wire.send(drip)
                continue
            except ConnectionError:
                break
            if not piece:
                break
            received += piece
        else:
            raise AssertionError(f"still open after {limit} s")
        return time.monotonic() - began, received


def post(path: str, key: str = KEY) -> str:
    """Of a body of a megabyte the first byte."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: 1000000\r\n\r\n{{"


async def test_b15_headers_that_stall_or_drip_are_cut_off(gateways: tuple[Gateway, Gateway]) -> None:
    """After 5 s by nginx, after 15 without it."""
    async with asyncio.TaskGroup() as clients:
        stalled, dripping = (
            [clients.create_task(cut_off(gateway, head, b"X-A: b\r\n", pause)) for gateway in gateways]
            for head, pause in (("GET / HTTP/1.1\r\nHost: x\r\nX-", None), ("GET / HTTP/1.1\r\nHost: x\r\n", 1))
        )
    for behind, direct in (stalled, dripping):
        assert behind.result()[0] > 4
        assert kept(behind.result()[0], 7)
        assert direct.result()[0] > 14
        assert kept(direct.result()[0], 18)
        assert direct.result()[1].startswith(b"HTTP/1.1 408 ")


async def test_b16_a_body_that_stalls_or_drips_is_cut_off_while_others_are_served(
    gateways: tuple[Gateway, Gateway],
) -> None:
    async with asyncio.TaskGroup() as both:
        for gateway in gateways:
            both.create_task(_slow_bodies(gateway))


async def _slow_bodies(gateway: Gateway) -> None:
    async with asyncio.TaskGroup() as clients:
        stalled = clients.create_task(cut_off(gateway, post("/mcp")))
        dripping = clients.create_task(cut_off(gateway, post("/mcp"), pause=0.5))
        strange = clients.create_task(cut_off(gateway, post("/mcp", "wrong-key-1"), pause=0.5))
        nowhere = clients.create_task(cut_off(gateway, post("/nowhere"), pause=0.5))
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            for _ in range(20):
                headers = [("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")]
                assert (await wire.request("POST", "/mcp", headers, BODY)).status == 200
                await asyncio.sleep(0.5)
    assert stalled.result()[0] > 9
    assert kept(stalled.result()[0], 17)
    assert dripping.result()[0] > 19
    assert kept(dripping.result()[0], 40)
    assert dripping.result()[1].startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in dripping.result()[1]
    assert strange.result()[1].startswith(b"HTTP/1.1 401 ")
    assert nowhere.result()[1].startswith(b"HTTP/1.1 404 ")
    assert kept(strange.result()[0], 20)
    assert kept(nowhere.result()[0], 20)
    assert gateway.is_live()
    calls = [line for line in gateway.log().splitlines() if '"app.call"' in line]
    assert len([line for line in calls if '"ping"' in line]) == 20, "of what never came whole nothing was called"
