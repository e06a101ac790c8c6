"""nginx reloads under load: no call fails, and a stream lives on to the bound (RELIABILITY.md F27, section 4 item 10)."""

import asyncio
import os
import signal
import time
from collections import Counter

import httpx

from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, Wire

BARE = "tests.support.bare_app:create_app"
CLIENTS, RELOADS = 8, 6
# Of the nginx that the launcher runs (EdgeSettings.shutdown).
BOUND = 5.0


def reload(gateway: Gateway, master: int) -> None:
    """Returns once another worker serves."""
    before = gateway.nginx_worker().pid
    os.kill(master, signal.SIGHUP)
    eventually(lambda: _newest_worker(gateway) != before, what="a new worker")


def _newest_worker(gateway: Gateway) -> int:
    return max(process.pid for process in gateway.tree() if "nginx: worker" in process.command)


async def test_six_reloads_fail_no_call() -> None:
    with running_gateway({"mcpServers": {"bench": workbench("bench")}}, keys={KEY: "one"}, edge=True) as gateway:
        master = gateway.nginx().pid
        answered, over = Counter[int](), asyncio.Event()

        async def client() -> None:
            async with httpx.AsyncClient(timeout=10) as http:
                while not over.is_set():
                    caller = Caller(gateway.host, gateway.port, KEY, "modern")
                    params = {"name": "bench__whoami", "arguments": {}}
                    answer = await http.post(
                        gateway.endpoint,
                        json=caller.body("tools/call", params, 1),
                        headers=dict(caller.headers("tools/call", params)),
                    )
                    answered[answer.status_code] += 1
                    assert "bench" in answer.text

        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client())
            for _ in range(RELOADS):
                await asyncio.sleep(0.7)
                os.kill(master, signal.SIGHUP)
            await asyncio.sleep(0.7)
            over.set()
        assert answered.keys() == {200}
        assert answered[200] > 100
        assert master == gateway.nginx().pid


async def test_a_stream_lives_through_a_reload_to_the_bound_and_no_event_is_late() -> None:
    with running_gateway({"mcpServers": {}}, edge=True, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port, 10) as wire:
            assert (await wire.ask("GET", "/stream")).is_stream
            messages = wire.messages()
            assert [await anext(messages), await anext(messages)] == [0, 1]
            reload(gateway, gateway.nginx().pid)
            began, last, gaps, seen = time.monotonic(), time.monotonic(), [0.0], [1]
            try:
                async for message in messages:
                    gaps.append(time.monotonic() - last)
                    last = time.monotonic()
                    seen.append(message)
            except (asyncio.IncompleteReadError, AssertionError):
                pass  # a broken stream, as the client is to see it
            lived = time.monotonic() - began
        assert BOUND - 1 < lived < BOUND + 3
        assert seen == list(range(1, len(seen) + 1))
        assert max(gaps) < 2.5, "the app sends one each second"
        assert gateway.is_live()
