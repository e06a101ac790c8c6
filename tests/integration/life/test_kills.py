"""`kill -9` of a child, the worker, the arbiter and nginx, again and again while clients call."""

import asyncio
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app.serve.orphans import descendants
from tests.soak.load import Load, until_listed
from tests.support.gateway import UNLIMITED, Gateway, running_gateway
from tests.support.pace import kept
from tests.support.processes import Seen, eventually, survivors
from tests.support.programs import SERVERS, workbench
from tests.support.wire import Caller

KILLS = 50
# The promise: from the kill to an answer of the server, through nginx.
SERVING_AGAIN = 2.0
KEY = "key-of-the-one-who-calls-0123456789"
CHILDREN = [f"child{number}" for number in range(3)]


def child(gateway: Gateway) -> Seen:
    """The process of the server that is asked afterwards."""

    def found() -> Seen | None:
        return next((seen for seen in gateway.tree() if "WORKBENCH_NAME=child0" in environment_of(seen.pid)), None)

    process = eventually(found)
    assert process
    return process


VICTIMS: dict[str, Callable[[Gateway], Seen]] = {
    "child": child,
    "worker": Gateway.worker,
    "arbiter": Gateway.arbiter,
    "nginx": Gateway.nginx,
}


def environment_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b"\n").decode(errors="replace")
    except OSError:
        return ""


def zombies_of(gateway: Gateway) -> list[int]:
    return [process.pid for process in descendants((gateway.pid,)) if process.zombie]


def marked(*marks: Path) -> list[int]:
    """Every process of this machine that has one of these paths in its environment, whoever its parent is."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    return [pid for pid in pids if any(str(mark) in environment_of(pid) for mark in marks)]


async def pid_serving(gateway: Gateway) -> int:
    """The process that answers a call of `child0` on a connection of its own; 0 while none does."""
    caller = Caller(gateway.host, gateway.port, KEY, "modern", patience=SERVING_AGAIN)
    try:
        return int((await caller.call("child0__whoami")).text.removeprefix("child0 "))
    except (OSError, EOFError, TimeoutError, AssertionError, ValueError):
        return 0


async def killed(gateway: Gateway, name: str) -> float:
    """Kill it; seconds until a call is answered without anything of the former one, or 40 s."""
    loop = asyncio.get_running_loop()
    former = await pid_serving(gateway)
    victim = await asyncio.to_thread(VICTIMS[name], gateway)
    gateway.note_tree()
    began = loop.time()
    os.kill(victim.pid, signal.SIGKILL)
    while loop.time() - began < 20 * SERVING_AGAIN:
        # The arbiter's worker serves on for a moment, and so may a worker of nginx: only who comes after them counts.
        if name == "nginx":
            await asyncio.to_thread(eventually, lambda: not victim.alive)
        pid = await pid_serving(gateway)
        if pid and (name == "nginx" or pid != former):
            break
        await asyncio.sleep(0.02)
    gateway.note_tree()
    return loop.time() - began


def config(mark: Path) -> dict[str, object]:
    """All children carry `mark` in their environment; one leaves processes behind that ignore every polite request."""
    entry = workbench("stubborn", mark=str(mark))
    wayward = {**entry, "args": ["-I", str(SERVERS / "wayward.py"), "--stubborn"]}
    return {"mcpServers": {**{name: workbench(name, mark=str(mark)) for name in CHILDREN}, "stubborn": wayward}}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_after_each_of_fifty_kills_it_serves_within_two_seconds_and_nothing_is_left(tmp_path: Path) -> None:
    took: dict[str, list[float]] = {name: [] for name in VICTIMS}
    late: list[str] = []
    with running_gateway(config(tmp_path), keys={KEY: "one"}, env=UNLIMITED, edge=True) as gateway:
        load = Load(gateway, CHILDREN, clients=8)
        await until_listed(gateway, lambda: [*CHILDREN, "stubborn"])
        before = len(gateway.tree())
        assert len(marked(tmp_path)) > len(CHILDREN)
        async with load.running():
            for name in itertools.islice(itertools.cycle(VICTIMS), KILLS):
                took[name].append(await killed(gateway, name))
                if not await asyncio.to_thread(kept, took[name][-1], SERVING_AGAIN):
                    late.append(f"{name}: {took[name][-1]:.2f} s")
        await until_listed(gateway, lambda: [*CHILDREN, "stubborn"])
        figures = {name: [round(each, 2) for each in seconds] for name, seconds in took.items()}
        print(f"{figures}; meanwhile {load.answered} calls answered, {len(load.failures)} lost")
        # What lost its parent to the last kill and ignores SIGTERM is ended within two seconds.
        eventually(lambda: len(gateway.tree()) <= before, what=f"{before} processes as before: {gateway.tree()}")
        eventually(lambda: not zombies_of(gateway), what=f"no zombies: {zombies_of(gateway)}")
        assert late == []
        gateway.stop()
        gateway.assert_nothing_survives()
        assert marked(tmp_path, gateway.directory) == []


async def test_a_server_that_crashes_at_once_leaves_nothing_although_another_could_have_started_it(
    tmp_path: Path,
) -> None:
    with running_gateway(config(tmp_path), keys={KEY: "one"}) as gateway:
        await until_listed(gateway, lambda: [*CHILDREN, "stubborn"])
        family = [seen for seen in gateway.tree() if "--stubborn" in seen.command]
        assert len(family) == 2
        reply = await Caller(gateway.host, gateway.port, KEY, "modern").call("stubborn__crash")
        assert reply.error["data"]["fault"] == "closed"
        eventually(lambda: not survivors(family), what="the crashed server and what it started are gone")
