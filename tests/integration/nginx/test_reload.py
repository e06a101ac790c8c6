"""nginx reloads under load: no call fails, and a stream lives on to the bound (RELIABILITY.md section 4 item 10)."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.support.edge import edge_log, running_behind
from tests.support.gateway import KEY, UNLIMITED, Gateway, running_gateway
from tests.support.pace import kept
from tests.support.processes import eventually, tree_of
from tests.support.programs import workbench
from tests.support.wire import Caller, Wire, until

BARE = "tests.support.bare_app:create_app"
CLIENTS, RELOADS = 8, 6
# Of the nginx that the launcher runs (EdgeSettings.shutdown).
BOUND = 5.0


def workers() -> set[int]:
    return {process.pid for process in tree_of(os.getpid()) if "nginx: worker" in process.command}


async def test_six_reloads_fail_no_call_and_repeat_none() -> None:
    """Clients that repeat nothing, each with a kept connection."""
    servers = {"mcpServers": {"bench": workbench("bench")}}
    with running_behind("plain", servers, keys={KEY: "one"}, env=UNLIMITED) as gateway:
        [supervisor] = [process.pid for process in tree_of(os.getpid()) if "nginx plain --run" in process.command]
        found = await _under_reloads(gateway, lambda: os.kill(supervisor, signal.SIGHUP))
        assert not found.lost
        await until(
            lambda: _seen(gateway, found.answered), "a line for each call, and no call that nobody got an answer to"
        )


async def test_reloads_that_nobody_announced_fail_no_call_on_a_quiet_machine() -> None:
    """As `nginx -s reload` does: clients hear of it 0.1 s before; who sleeps through that may lose its connection."""
    servers = {"mcpServers": {"bench": workbench("bench")}}
    with running_gateway(servers, keys={KEY: "one"}, env=UNLIMITED, edge=True) as gateway:
        master = gateway.nginx().pid
        found = await _under_reloads(gateway, lambda: os.kill(master, signal.SIGHUP))
        assert found.lost < found.answered / 100


@dataclass
class Found:
    answered: int = 0
    lost: int = 0


async def _under_reloads(gateway: Gateway, reload: Callable[[], None]) -> Found:
    found, over, statuses = Found(), asyncio.Event(), Counter[int]()
    params = {"name": "bench__whoami", "arguments": {}}
    caller = Caller(gateway.host, gateway.port, KEY, "modern")
    sent = {"json": caller.body("tools/call", params, 1), "headers": dict(caller.headers("tools/call", params))}

    async def client() -> None:
        async with httpx.AsyncClient(timeout=30) as http:
            while not over.is_set():
                try:
                    answer = await http.post(gateway.endpoint, **sent)
                except httpx.TransportError as error:
                    print(f"lost: {error!r}")
                    found.lost += 1
                    continue
                statuses[answer.status_code] += 1
                assert "bench" in answer.text
                # Once: some clients read the first one alone.
                assert answer.headers.get_list("connection") in (["keep-alive"], ["close"])

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(client())
        for _ in range(RELOADS):
            await asyncio.sleep(0.7)
            before = workers()
            reload()
            await asyncio.to_thread(eventually, lambda before=before: workers() - before, what="a new worker")
        await asyncio.sleep(0.7)
        over.set()
    found.answered = statuses[200]
    print(f"{found.answered} answered, {found.lost} lost")
    assert statuses.keys() == {200}
    assert found.answered > 100
    return found


async def _seen(gateway: Gateway, answered: int) -> bool:
    return edge_log(gateway).count('"path":"/mcp"') == answered


async def test_a_stream_lives_through_a_reload_to_the_bound_and_no_event_is_late() -> None:
    with running_gateway({"mcpServers": {}}, edge=True, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            assert (await wire.ask("GET", "/servers/stream/mcp")).is_stream
            messages = wire.messages()
            assert [await anext(messages), await anext(messages)] == [0, 1]
            before = workers()
            began = time.monotonic()
            os.kill(gateway.nginx().pid, signal.SIGHUP)
            eventually(lambda: workers() - before, what="a new worker")
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
