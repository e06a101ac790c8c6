"""Measures what is promised of faults in less than a second, and says whether it is kept.

    python -m tests.integration.faults.figures [--rounds 10]

A test that asserts 50 ms fails when the machine is busy with something else, and says nothing then; so the tests beside
this assert what happens, and this is run by hand on a machine at rest (docs/performance.md has its figures). The worst
of all rounds counts, beside what an idle loop of this machine is late by. Exit 1 if a promise is missed.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.upstream.upstream import State
from tests.support.http_wires import remote
from tests.support.place import Place, placed, seconds_since
from tests.support.processes import rss_of
from tests.support.programs import SERVERS, workbench
from tests.support.upstreams import fails, lease_of, reaches, running, wayward

TICK = 0.005
Row = tuple[str, str, str, bool]


class Watched:
    """How long the loop was away, and how far our memory grew."""

    def __init__(self) -> None:
        self.lags: list[float] = [0.0]
        self.start = self.peak = rss_of(os.getpid())

    @property
    def grown(self) -> int:
        """Kilobytes."""
        return self.peak - self.start

    async def watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK)
            self.lags.append(seconds_since(began) - TICK)
            self.peak = max(self.peak, rss_of(os.getpid()))


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Watched]:
    """Watches while the block lasts."""
    watched = Watched()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watched.watch())
        yield watched
        task.cancel()


async def latencies(place: Place, over: asyncio.Event, at_least: int = 0) -> list[float]:
    """What each call on the bystander took, one after the other, in order of size; a call that fails is an error."""
    caller, took = place.caller(), list[float]()
    async with await caller.wire() as wire:
        while not over.is_set() or len(took) < at_least:
            began = time.monotonic()
            reply = await caller.call("bystander__whoami", wire=wire)
            assert reply.text.startswith("bystander ")
            took.append(seconds_since(began))
    return sorted(took)


async def undisturbed(place: Place) -> list[float]:
    """The same while nothing happens."""
    over = asyncio.Event()
    over.set()
    return await latencies(place, over, 300)


def at(share: float, ordered: list[float]) -> float:
    return ordered[int(len(ordered) * share)]


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def servers() -> dict[str, Any]:
    entry = {"command": sys.executable, "args": ["-I", str(SERVERS / "wayward.py")]}
    return {"victim": entry, "bystander": workbench("bystander"), "absent": {"command": "no-such-command-here"}}


async def deaths(place: Place, rounds: int) -> list[Row]:
    """F01: five calls in flight on a server that is killed; F02: calls of one that is down."""
    took, calm, before = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        await asyncio.to_thread(place.reaches, "victim", "ready", 60)
        before += await undisturbed(place)
        pid, over = json.loads((await place.call("victim", "descriptors")).text)["pid"], asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            others = tasks.create_task(latencies(place, over))
            waiting = [tasks.create_task(place.call("victim", "hang")) for _ in range(5)]
            await asyncio.sleep(0.3)  # the calls are on their way; nothing tells when they are there
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            await asyncio.gather(*waiting)
            took.append(seconds_since(began))
            over.set()
        calm += others.result()
    caller, refused = place.caller(), list[float]()
    async with await caller.wire() as wire:
        for _ in range(300):
            began = time.monotonic()
            await caller.call("absent__anything", wire=wire)
            refused.append(seconds_since(began))
    p99 = f"{ms(at(0.99, sorted(calm)))}, undisturbed {ms(at(0.99, sorted(before)))}"
    return [
        ("F01: calls of a dead server fail", "100 ms", ms(max(took)), max(took) < 0.1),
        ("F01: p99 of another server's calls meanwhile", "unchanged", p99, True),
        ("F02: calls of a server that is down fail", "5 ms", ms(at(0.99, sorted(refused))) + " p99",
         at(0.99, sorted(refused)) < 0.005),
    ]  # fmt: skip


async def stderr(place: Place, rounds: int) -> list[Row]:
    """F08: the median call of another server beside 100 MB on stderr."""
    ratios: list[float] = []
    for _ in range(rounds):
        await asyncio.to_thread(place.reaches, "victim", "ready", 60)
        before, over = await undisturbed(place), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            others = tasks.create_task(latencies(place, over))
            await place.call("victim", "chatter", mb=100)
            over.set()
        ratios.append(at(0.5, others.result()) / at(0.5, before) - 1)
    found = at(0.5, sorted(ratios))
    return [("F08: median call beside 100 MB on stderr", "+20 %", f"{found:+.0%}", found < 0.2)]


async def long_lines() -> list[Row]:
    """F09: the loop and the memory beside a line that is too long."""
    rows: list[Row] = []
    for tool in ("long_line", "endless_line"):
        async with running(wayward()) as [server]:
            lease = await lease_of(server)
            async with watched_loop() as watched:
                await fails(lease, tool, mb=32, patience=30)
                if tool == "endless_line":
                    await reaches(server, State.BACKOFF)
            worst, grown = max(watched.lags), watched.grown >> 10
        rows.append((f"F09: {tool}, the loop is late", "50 ms", ms(worst), worst < 0.05))
        rows.append((f"F09: {tool}, memory", "32 MB", f"{grown} MB", grown < 32))
    return rows


async def names() -> list[Row]:
    """F46: the loop beside a name that does not resolve."""
    async with running(remote("http://127.0.0.1:1/mcp")) as [server]:
        await reaches(server, State.BACKOFF)  # the libraries are loaded
    async with running(remote("http://nowhere.invalid/mcp")) as [server], watched_loop() as watched:
        await reaches(server, State.BACKOFF)
    worst = max(watched.lags)
    return [("F46: a name that does not resolve, the loop is late", "50 ms", ms(worst), worst < 0.05)]


async def idle() -> Row:
    async with watched_loop() as watched:
        await asyncio.sleep(3)
    return "an idle loop of this machine is late", "", ms(max(watched.lags)), True


async def measure(rounds: int) -> list[Row]:
    rows = [await idle()]
    with tempfile.TemporaryDirectory() as directory, placed(servers(), Path(directory)) as place:
        await asyncio.to_thread(place.reaches, "bystander", "ready", 60)
        rows += await deaths(place, rounds)
        rows += await stderr(place, max(3, rounds // 3))
    return rows + await long_lines() + await names()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10)
    rows = asyncio.run(measure(parser.parse_args().rounds))
    print("| promise | bound | measured | |\n| --- | --- | --- | --- |")
    for what, bound, found, kept in rows:
        print(f"| {what} | {bound} | {found} | {'' if not bound else 'kept' if kept else 'MISSED'} |")
    return 0 if all(kept for *_, kept in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
