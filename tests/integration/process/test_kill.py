"""`kill -9` of each process of ours: the gateway serves on or is gone, nothing is left (RELIABILITY.md F22, F23)."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.pace import within
from tests.support.processes import Seen, eventually, survivors
from tests.support.wire import Wire

BARE = "tests.support.bare_app:create_app"
EMPTY = {"mcpServers": {}}
Choice = Callable[[Gateway], Seen]


def _kill(process: Seen) -> None:
    os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: not process.alive)


def _family_of(process: Seen, gateway: Gateway) -> list[Seen]:
    below = [seen for seen in gateway.tree() if "SIG_IGN" in seen.command]
    return [process, *below]


@pytest.mark.parametrize("which", [Gateway.worker, Gateway.arbiter], ids=["worker", "arbiter"])
@pytest.mark.parametrize("edge", [False, True], ids=["direct", "nginx"])
def test_a_killed_worker_or_arbiter_is_replaced_and_its_children_and_theirs_are_gone(which: Choice, edge: bool) -> None:
    with running_gateway(EMPTY, edge=edge, app=BARE) as gateway:
        gateway.get("/servers/spawn/mcp")
        gateway.note_tree()
        worker, victim = gateway.worker(), which(gateway)
        family = _family_of(victim, gateway)
        assert len(family) == 3
        _kill(victim)
        with within(5):
            with within(2.5):
                eventually(lambda: not worker.alive, what="the old worker is gone")
            gateway.wait_until_live()
            eventually(lambda: not survivors(family), what="the family is gone")
        assert gateway.worker() != worker


@pytest.mark.parametrize("edge", [False, True], ids=["direct", "nginx"])
async def test_a_call_that_the_arbiter_takes_along_is_answered_in_json(edge: bool) -> None:
    with running_gateway(EMPTY, edge=edge, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port) as wire, asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(wire.request("POST", "/servers/slow/mcp?60", body=b"{}"))
            await asyncio.to_thread(eventually, lambda: gateway.get("/servers/running/mcp")[1] == b"1")
            _kill(gateway.arbiter())
        answer = asking.result()
    assert answer.status == 503
    assert answer.json()["error"] == {"code": -32603, "message": "The gateway is restarting: try again"}


@pytest.mark.parametrize("which", [Gateway.nginx, Gateway.nginx_worker], ids=["master", "worker"])
def test_a_killed_nginx_is_replaced_and_the_app_does_not_notice(which: Choice) -> None:
    with running_gateway(EMPTY, edge=True, app=BARE) as gateway:
        gateway.note_tree()
        app, victim = gateway.worker(), which(gateway)
        master, worker = gateway.nginx(), gateway.nginx_worker()
        _kill(victim)
        eventually(lambda: not worker.alive or victim == master)
        gateway.wait_until_live()
        eventually(lambda: not survivors([victim, worker]), what="nothing of the old nginx is left")
        assert gateway.worker() == app
        assert gateway.nginx_worker() != worker


@pytest.mark.parametrize("edge", [False, True], ids=["direct", "nginx"])
def test_nothing_survives_a_killed_launcher(edge: bool) -> None:
    with running_gateway(EMPTY, edge=edge, app=BARE) as gateway:
        gateway.get("/servers/spawn/mcp")
        gateway.note_tree()
        everything = gateway.tree()
        assert len(everything) == (7 if edge else 5)
        gateway.process.kill()
        with within(5):
            eventually(lambda: not survivors(everything), what="nothing is left")


def test_nothing_survives_a_launcher_that_is_killed_with_its_arbiter() -> None:
    with running_gateway(EMPTY, edge=True, app=BARE) as gateway:
        gateway.note_tree()
        everything, arbiter = gateway.tree(), gateway.arbiter()
        gateway.process.kill()
        os.kill(arbiter.pid, signal.SIGKILL)
        with within(5):
            eventually(lambda: not survivors(everything), what="nothing is left")


async def test_a_client_that_connects_while_the_app_is_down_is_served_when_it_is_back() -> None:
    with running_gateway(EMPTY, app=BARE) as gateway:
        for process in (gateway.worker(), gateway.arbiter()):
            os.kill(process.pid, signal.SIGKILL)
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            assert (await wire.request("GET", "/health/live")).status == 200


async def test_a_blocked_worker_whose_arbiter_is_killed_is_gone_all_the_same() -> None:
    with running_gateway(EMPTY, app=BARE) as gateway:
        worker, arbiter = gateway.worker(), gateway.arbiter()
        call = await Wire.connect(gateway.host, gateway.port)
        await call.send(b"GET /servers/block/mcp?60 HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.to_thread(eventually, lambda: "blocking now" in gateway.log())
        _kill(arbiter)
        with within(5):
            eventually(lambda: not worker.alive, what="the blocked worker")
        gateway.wait_until_live()
        await call.close()
