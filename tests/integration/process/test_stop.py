"""How the gateway ends when it is asked to (DESIGN.md rule 14, RELIABILITY.md F20, F21)."""

import asyncio
import json
import os
import signal
import time

import pytest

from tests.support.gateway import Gateway, running_gateway, started_gateway
from tests.support.pace import kept
from tests.support.processes import eventually
from tests.support.wire import Wire

BARE = "tests.support.bare_app:create_app"
EMPTY = {"mcpServers": {}}

edges = pytest.mark.parametrize("edge", [False, True], ids=["direct", "nginx"])


async def _open_stream(gateway: Gateway) -> Wire:
    wire = await Wire.connect(gateway.host, gateway.port)
    answer = await wire.ask("GET", "/servers/stream/mcp")
    assert answer.is_stream
    assert await anext(wire.messages()) == 0
    return wire


async def _rest(wire: Wire) -> bytes:
    return b"".join([piece async for piece in wire.pieces()])


@edges
async def test_a_stop_in_the_middle_of_everything_answers_the_call_and_takes_six_seconds_at_most(edge: bool) -> None:
    with running_gateway(EMPTY, edge=edge, app=BARE) as gateway:
        stream = await _open_stream(gateway)
        idle = await Wire.connect(gateway.host, gateway.port)
        assert (await idle.request("GET", "/health/live")).status == 200
        (child,) = json.loads(gateway.get("/servers/spawn/mcp")[1])
        assert [p.pid for p in gateway.tree()].count(child) == 1
        family = len([p for p in gateway.tree() if "SIG_IGN" in p.command])
        assert family == 2
        call = await Wire.connect(gateway.host, gateway.port)
        async with asyncio.TaskGroup() as tasks:
            answered = tasks.create_task(call.request("GET", "/servers/slow/mcp?2"))
            await asyncio.to_thread(eventually, lambda: gateway.get("/servers/running/mcp")[1] == b"1")
            gateway.note_tree()
            begun = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            assert b"bye" in await _rest(stream)
            assert kept(time.monotonic() - begun, 1.5)
            code = await asyncio.to_thread(gateway.process.wait, 30)
            took = time.monotonic() - begun
        answer = await answered
        assert (answer.status, answer.body) == (200, b"done")
        assert code == 0
        assert kept(took, 6)
        gateway.assert_nothing_survives()
        assert "lifespan over" in gateway.log()
        for wire in (stream, idle, call):
            await wire.close()


@edges
async def test_an_idle_keep_alive_connection_delays_the_stop_by_less_than_two_seconds(edge: bool) -> None:
    with running_gateway(EMPTY, edge=edge, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port) as idle:
            assert (await idle.request("GET", "/health/live")).status == 200
            begun = time.monotonic()
            assert await asyncio.to_thread(gateway.stop) == 0
            assert kept(time.monotonic() - begun, 2)


async def test_a_second_signal_ends_everything_at_once() -> None:
    with running_gateway(EMPTY, edge=True, app=BARE) as gateway:
        gateway.get("/servers/spawn/mcp")
        call = await Wire.connect(gateway.host, gateway.port)
        await call.send(b"GET /servers/slow/mcp?30 HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.to_thread(eventually, lambda: gateway.get("/servers/running/mcp")[1] == b"1")
        gateway.note_tree()
        begun = time.monotonic()
        gateway.process.send_signal(signal.SIGINT)
        eventually(lambda: '"stopping"' in gateway.log())
        gateway.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(gateway.process.wait, 30)
        assert kept(time.monotonic() - begun, 2)
        gateway.assert_nothing_survives()
        await call.close()


def test_a_stop_while_the_app_still_starts_is_a_stop() -> None:
    with started_gateway(EMPTY, edge=True, app=BARE) as gateway:
        eventually(lambda: "serving on" in gateway.log())
        begun = time.monotonic()
        assert gateway.stop() == 0
        assert kept(time.monotonic() - begun, 4)


def test_sighup_ends_nothing() -> None:
    with running_gateway(EMPTY, edge=True, app=BARE) as gateway:
        before = gateway.tree()
        for process in (gateway.pid, gateway.arbiter().pid, gateway.worker().pid):
            known = gateway.log().count("SIGHUP")
            os.kill(process, signal.SIGHUP)
            if process != gateway.arbiter().pid:
                eventually(lambda known=known: gateway.log().count("SIGHUP") > known)
        assert gateway.is_live()
        assert gateway.tree() == before
