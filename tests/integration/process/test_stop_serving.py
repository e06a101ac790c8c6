"""The gateway itself, stopped and killed while it serves MCP (DESIGN.md rule 14, RELIABILITY.md F20 to F23)."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.pace import kept, within
from tests.support.processes import Seen, eventually, rss_of, survivors
from tests.support.programs import SERVERS
from tests.support.wire import Caller, Json, Wire, read_reply

CONFIG = {"mcpServers": {"patient": {"command": sys.executable, "args": ["-I", str(SERVERS / "patient.py")]}}}
KEYS = {KEY: "me"}
edges = pytest.mark.parametrize("edge", [False, True], ids=["direct", "nginx"])


def _caller(gateway: Gateway, era: str) -> Caller:
    return Caller(gateway.host, gateway.port, KEY, era)


def _family(gateway: Gateway) -> list[Seen]:
    """The server and its grandchild."""
    return eventually(lambda: found if len(found := [p for p in gateway.tree() if "patient" in p.command]) == 2 else [])


async def _listed(caller: Caller) -> None:
    """Returns once the server's tools are there: a list waits 2 s, and a busy machine starts Python more slowly."""
    async with asyncio.timeout(60):
        while not (await caller.ask("tools/list")).result["tools"]:
            pass


async def _progressing(caller: Caller) -> tuple[Wire, AsyncIterator[Json]]:
    """A call whose answer has become a stream, and goes on."""
    wire = await caller.wire()
    ident = caller.fresh_id()
    params = {"name": "patient__begin", "arguments": {}, "_meta": {"progressToken": "t"}}
    raw = json.dumps(caller.body("tools/call", params, ident)).encode()
    answer = await wire.ask("POST", "/mcp", caller.headers("tools/call", params), raw)
    assert answer.is_stream
    messages = wire.messages()
    assert (await anext(messages))["method"] == "notifications/progress"
    return wire, messages


@edges
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_stop_answers_the_call_in_flight_ends_the_stream_and_leaves_nobody(era: str, edge: bool) -> None:
    with running_gateway(CONFIG, keys=KEYS, edge=edge) as gateway:
        caller = _caller(gateway, era)
        await _listed(caller)
        family = _family(gateway)
        idle = await Wire.connect(gateway.host, gateway.port)
        assert (await idle.request("GET", "/health/live")).status == 200
        stream, messages = await _progressing(caller)
        async with caller.open("tools/call", {"name": "patient__wait", "arguments": {"seconds": 2}}, ident=99) as call:
            await asyncio.sleep(0.2)  # the call is on its way to the server; nothing tells when it is there
            gateway.note_tree()
            begun = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            ended = asyncio.get_running_loop().run_in_executor(None, gateway.process.wait, 30)
            reply = await read_reply(call, await call.head(), 99)
            assert reply.text == "waited"
            rest = [message async for message in messages]
            assert await ended == 0
            took = time.monotonic() - begun
        assert kept(took, 6), f"{took:.2f} s\n{gateway.log()}"
        assert "left in connection" not in gateway.log(), "nginx quits once the streams have ended"
        assert len(rest) <= 1
        assert survivors(family) == []
        for wire in (idle, stream):
            await wire.close()


@pytest.mark.parametrize("which", [Gateway.worker, Gateway.arbiter], ids=["worker", "arbiter"])
async def test_a_killed_worker_or_arbiter_is_replaced_and_serves_again(which: Callable[[Gateway], Seen]) -> None:
    with running_gateway(CONFIG, keys=KEYS, edge=True) as gateway:
        caller = _caller(gateway, "modern")
        await _listed(caller)
        family = _family(gateway)
        former = gateway.worker()
        os.kill(which(gateway).pid, signal.SIGKILL)
        with within(2):
            await asyncio.to_thread(eventually, lambda: not former.alive, what="the old worker is gone")
        # What the server started ignores being asked, and is killed two seconds after it lost its parent.
        with within(5):
            await asyncio.to_thread(eventually, lambda: not survivors(family), what="the old servers")
        await asyncio.to_thread(gateway.wait_until_live)
        await _listed(caller)
        gateway.note_tree()


async def test_nothing_survives_a_killed_launcher() -> None:
    with running_gateway(CONFIG, keys=KEYS, edge=True) as gateway:
        await _listed(_caller(gateway, "modern"))
        _family(gateway)
        gateway.note_tree()
        gateway.process.kill()
        gateway.process.wait(30)
        # The server ignores being asked: 2 s after the end of its input, 1 s after SIGTERM, it is killed.
        with within(6):
            gateway.assert_nothing_survives(30)


def test_launcher_arbiter_and_worker_need_130_megabytes_at_most() -> None:
    with running_gateway({"mcpServers": {}}, keys=KEYS) as gateway:
        sizes = [rss_of(process.pid) for process in (gateway.tree()[0], gateway.arbiter(), gateway.worker())]
        assert sum(sizes) <= 130 * 1024, sizes
