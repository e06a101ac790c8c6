"""Faults of stdio servers through a gateway (RELIABILITY.md F01 to F09, F15, F17 to F22); `figures.py` has the ms."""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault
from app.upstream import backoff
from app.upstream.upstream import State
from tests.integration.faults.figures import at, latencies, undisturbed, watched_loop
from tests.support.pace import kept, within
from tests.support.place import KEYS, Place, placed, seconds_since, told
from tests.support.processes import eventually
from tests.support.programs import SERVERS, workbench
from tests.support.upstreams import ask, fails, lease_of, reaches, running, wayward
from tests.support.wire import Reply

# Says hello, waits for the client's, and ends.
SHORT_LIVED = """printf x >>"$0"; read -r line; printf '%s\\n' '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":\
"2025-11-25","capabilities":{},"serverInfo":{"name":"short","version":"1"}}}'; read -r line; exit 3"""


def entry(*options: str, **members: object) -> dict[str, object]:
    return {"command": sys.executable, "args": ["-I", str(SERVERS / "wayward.py"), *options], **members}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("stdio")
    script = f"date +%s.%N >>{directory}/starts; exit 7"
    servers = {
        "victim": entry(),
        "bystander": workbench("bystander"),
        "hanging": entry("--hang", "initialize", startup_timeout=2),
        "dying": {"command": "/bin/sh", "args": ["-c", script]},
        "absent": {"command": "no-such-command-here"},
        "tardy": {"command": sys.executable, "args": ["-I", str(SERVERS / "tardy.py")], "timeout": 1},
    }
    with placed(servers, directory, env={"AWS_SECRET_ACCESS_KEY": "a-secret-of-the-gateway"}) as found:
        for name in ("victim", "bystander", "tardy"):
            found.reaches(name, "ready", 60)
        yield found


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "when memory runs out"), (0, "code 3")]
)
async def test_f01_f17_calls_of_a_dead_server_fail_at_once_and_say_why_and_nobody_else_notices(
    place: Place, number: int, said: str
) -> None:
    await asyncio.to_thread(place.reaches, "victim", "ready")
    over = asyncio.Event()
    pid = json.loads((await place.call("victim", "descriptors")).text)["pid"]
    async with asyncio.TaskGroup() as tasks:
        calm = tasks.create_task(latencies(place, over))
        waiting = [tasks.create_task(place.call("victim", "hang")) for _ in range(5)]
        await asyncio.sleep(0.3)  # the calls are on their way; nothing tells when they are there
        assert not any(call.done() for call in waiting)
        if number:
            os.kill(pid, number)
        else:
            waiting.append(tasks.create_task(place.call("victim", "crash")))
        began = time.monotonic()
        replies = await asyncio.gather(*waiting)
        took = seconds_since(began)
        over.set()
    for reply in replies:
        assert reply.status == 200
        assert "'victim'" in told(reply)
        assert said in told(reply)
    assert kept(took, 1)
    assert kept(calm.result()[-1], 1)
    if number == signal.SIGKILL:
        eventually(lambda: said in place.details("victim").get("fault", ""), what="health says it")
    await asyncio.to_thread(place.reaches, "victim", "ready")
    assert (await place.call("victim", "echo", again=1)).text == '{"again": 1}'


async def test_f02_a_crash_loop_is_five_starts_further_and_further_apart_and_then_calls_fail_within_5_ms(
    place: Place,
) -> None:
    def noted() -> list[float]:
        return [float(line) for line in (place.keys.parent / "starts").read_text().split()]

    starts = await asyncio.to_thread(eventually, lambda: len(noted()) >= 5 and noted(), 60, "five starts")
    if starts[4] - starts[0] < 9:  # no circuit breaks where five starts take a machine longer than ten seconds
        await asyncio.to_thread(place.reaches, "dying", "failed")
        assert len(noted()) == 5 or noted()[5] - noted()[4] > 30, "then one a minute"
    for due, apart in zip((0.5, 1, 2, 4), (b - a for a, b in pairwise(starts[:5])), strict=True):
        assert due <= apart
        assert kept(apart, due * 1.25 + 0.75)
    assert "exited with code 7" in place.details("dying")["fault"]
    caller, took = place.caller(), list[float]()
    async with await caller.wire() as wire:
        for _ in range(50):
            began = time.monotonic()
            reply = await caller.call("dying__anything", wire=wire)
            took.append(seconds_since(began))
            assert "error" in reply.message or reply.result["isError"]
    assert kept(min(took), 0.005)


async def test_f03_f18_who_hangs_or_cannot_start_is_named_and_neither_the_start_nor_anybody_waits(place: Place) -> None:
    assert place.gateway.get("/health/ready")[0] == 200
    eventually(lambda: "handshake within 2 s" in place.details("hanging").get("fault", ""), what="it says so")
    assert place.state("absent") == "failed"
    assert "'absent'" in place.details("absent")["fault"]
    assert "not found on the PATH" in place.details("absent")["fault"]
    assert kept(at(0.5, await undisturbed(place)), 0.1)


async def test_f05_a_call_without_an_answer_ends_at_its_deadline_and_what_comes_late_goes_nowhere(place: Place) -> None:
    for _ in range(3):
        began = time.monotonic()
        reply = await place.call("tardy", "late")
        took = seconds_since(began)
        assert took >= 1
        assert kept(took, 2.5)
        assert "gave no answer in time" in told(reply)
    journal: Reply = await place.call("tardy", "journal")
    methods = json.loads(journal.text)
    assert methods.count("notifications/cancelled") == 3
    assert "too late" not in told(journal)


async def test_f08_100_mb_on_stderr_are_logged_within_a_budget_and_no_other_call_waits_for_them(
    place: Place,
) -> None:
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        others = tasks.create_task(latencies(place, over))
        size, began = len(place.gateway.log()), time.monotonic()
        assert (await place.call("victim", "chatter", mb=100)).text == "silent again"
        over.set()
    took = seconds_since(began)
    written = sum(len(line) for line in place.gateway.log()[size:].splitlines() if "server=victim stderr" in line)
    assert written, "the first of it"
    assert written < 64 * 1024 * (took + 8), "64 kB a second, and what each line adds"
    assert kept(others.result()[-1], 1)


async def test_f19_a_child_gets_nothing_of_the_gateways_own(place: Place) -> None:
    environment = (await place.call("victim", "environment")).text
    assert "a-secret-of-the-gateway" not in environment
    assert not [name for name in json.loads(environment) if name.startswith("MCP_")]
    assert not any(key in environment for key in KEYS.values())
    assert json.loads((await place.call("victim", "descriptors")).text)["fds"] == [0, 1, 2]


async def test_f22_a_killed_worker_takes_its_children_along_within_1_s_and_calls_are_answered_within_2(
    place: Place,
) -> None:
    place.gateway.note_tree()
    family = [seen for seen in place.gateway.tree() if "wayward" in seen.command or "workbench" in seen.command]
    assert len(family) >= 2
    os.kill(place.gateway.worker().pid, signal.SIGKILL)
    with within(2):
        with within(1):
            eventually(lambda: not any(seen.alive for seen in family), what="the servers of the dead worker are gone")
        eventually(place.gateway.is_live, what="it is live again")
    reply = await place.call("bystander", "whoami")
    assert reply.text.startswith("bystander ")
    place.gateway.note_tree()


@pytest.mark.parametrize("tool", ["long_line", "endless_line"])
async def test_f09_a_line_too_long_never_holds_the_loop_and_costs_no_more_than_twice_the_limit(tool: str) -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        async with watched_loop() as watched:
            fault = await fails(lease, tool, mb=32, patience=30)
            assert isinstance(fault, Fault)
            if tool == "endless_line":
                await reaches(server, State.BACKOFF)
            else:
                assert await ask(lease, "echo", patience=20) == "{}"
        assert kept(max(watched.lags), 1)
        assert watched.grown < 2 * 16 * 1024


async def test_f15_a_hundred_restarts_leave_no_zombie_no_descriptor_no_thread_and_no_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "LAST", 0.001)
    monkeypatch.setattr(backoff, "BURST_SECONDS", -1.0)
    tally = tmp_path / "tally"
    tally.touch()
    spec = ServerSpec("short", "short", "stdio", "short", command="/bin/sh", args=("-c", SHORT_LIVED, str(tally)))

    def now() -> tuple[int, int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count(), len(asyncio.all_tasks())

    async def restarts(count: int) -> None:
        async with asyncio.timeout(60):
            while tally.stat().st_size < count:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)

    async with running(spec) as [server]:
        await restarts(20)
        first = [now() for _ in range(5) if not await asyncio.sleep(0.01)]
        await restarts(120)
        last = [now() for _ in range(5) if not await asyncio.sleep(0.01)]
        assert server.exits[-1].code == 3
        for at_first, at_last in zip(*(map(min, zip(*seen, strict=True)) for seen in (first, last)), strict=True):
            assert abs(at_last - at_first) <= 5, (first, last)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()  # noqa: ASYNC240
    zombies = [pid for pid in children if ") Z " in Path(f"/proc/{pid}/stat").read_text()]  # noqa: ASYNC240
    assert zombies == []
