"""nginx reloads under load: no call fails, and a stream lives on to the bound (RELIABILITY.md section 4 item 10)."""

import asyncio
import os
import signal
import time
from collections import Counter

import httpx

from tests.integration.nginx.access_log import lines_of
from tests.support.gateway import KEY, UNLIMITED, Gateway, running_gateway
from tests.support.pace import kept
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, Wire, until

BARE = "tests.support.bare_app:create_app"
CLIENTS, RELOADS = 8, 6
# Of the nginx that the launcher runs (EdgeSettings.shutdown).
BOUND = 5.0


def workers(gateway: Gateway) -> set[int]:
    return {process.pid for process in gateway.tree() if "nginx: worker" in process.command}


async def test_six_reloads_fail_no_call_and_repeat_none() -> None:
    """A kept connection may be closed while nothing is on it: then a client opens another, as this one does."""
    servers = {"mcpServers": {"bench": workbench("bench")}}
    with running_gateway(servers, keys={KEY: "one"}, env=UNLIMITED, edge=True) as gateway:
        master = gateway.nginx().pid
        answered, over, closed = Counter[int](), asyncio.Event(), 0
        params = {"name": "bench__whoami", "arguments": {}}
        caller = Caller(gateway.host, gateway.port, KEY, "modern")
        sent = {"json": caller.body("tools/call", params, 1), "headers": dict(caller.headers("tools/call", params))}

        async def client() -> None:
            nonlocal closed
            async with httpx.AsyncClient(timeout=30) as http:
                while not over.is_set():
                    try:
                        answer = await http.post(gateway.endpoint, **sent)
                    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                        closed += 1
                        continue
                    answered[answer.status_code] += 1
                    assert "bench" in answer.text

        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client())
            for _ in range(RELOADS):
                await asyncio.sleep(0.7)
                before = workers(gateway)
                os.kill(master, signal.SIGHUP)
                await asyncio.to_thread(
                    eventually, lambda before=before: workers(gateway) - before, what="a new worker"
                )
            await asyncio.sleep(0.7)
            over.set()
        print(f"{answered[200]} answered, {closed} idle connections closed under a client")
        assert answered.keys() == {200}
        assert answered[200] > 100
        assert closed < answered[200] / 20
        await until(
            lambda: _seen(gateway, answered[200]), "a line for each call, and no call that nobody got an answer to"
        )


async def _seen(gateway: Gateway, answered: int) -> bool:
    return len([line for line in lines_of(gateway) if line["path"] == "/mcp"]) == answered


async def test_a_stream_lives_through_a_reload_to_the_bound_and_no_event_is_late() -> None:
    with running_gateway({"mcpServers": {}}, edge=True, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            assert (await wire.ask("GET", "/servers/stream/mcp")).is_stream
            messages = wire.messages()
            assert [await anext(messages), await anext(messages)] == [0, 1]
            before = workers(gateway)
            began = time.monotonic()
            os.kill(gateway.nginx().pid, signal.SIGHUP)
            eventually(lambda: workers(gateway) - before, what="a new worker")
            last, gaps, seen = time.monotonic(), [0.0], [1]
            try:
                async for message in messages:
                    gaps.append(time.monotonic() - last)
                    last = time.monotonic()
                    seen.append(message)
            except (asyncio.IncompleteReadError, AssertionError):
                pass  # a broken stream, as the client is to see it
            lived = time.monotonic() - began
        assert lived > BOUND - 1
        assert kept(lived, BOUND + 3)
        assert seen == list(range(1, len(seen) + 1))
        assert kept(max(gaps), 2.5), "the app sends one each second"
        assert gateway.is_live()
