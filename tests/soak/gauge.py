"""What a running gateway holds: its own counts, its memory, the processes of its tree. Needs `counted.py`'s app."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from app.serve.orphans import descendants
from tests.support.gateway import Gateway
from tests.support.processes import command_of, rss_of

COUNTED = "tests.soak.counted:create_app"
OWN = ("app serve", "app.serve", "gunicorn", "nginx")
# Compared one by one.
COUNTS = ("tasks", "descriptors", "threads", "calls", "leases", "servers", "processes")


@dataclass(frozen=True)
class Reading:
    """`memory`: kilobytes of each process of ours. What the tasks and processes are is for a message."""

    counts: dict[str, int]
    memory: dict[str, int]
    tasks: dict[str, int]
    commands: dict[str, int]

    @property
    def megabytes(self) -> float:
        return sum(self.memory.values()) / 1024

    def grown(self, since: "Reading") -> dict[str, str]:
        """What is more than it was, other than memory."""
        pairs = {name: (since.counts[name], self.counts[name]) for name in COUNTS}
        grown = {name: f"{before} -> {now}" for name, (before, now) in pairs.items() if now > before}
        for name, before, now in (
            ("tasks", since.tasks, self.tasks),
            ("processes", since.commands, self.commands),
        ):
            if name in grown:
                grown[name] += f", {Counter(now) - Counter(before)}"
        return grown


def read(gateway: Gateway) -> Reading:
    """Now. The call that asks is among the counts, every time."""
    answer = gateway.control("/counts")
    tree = descendants((gateway.pid,))
    memory: dict[str, int] = {}
    commands: list[str] = []
    for process in tree:
        command = command_of(process.pid)
        if process.zombie:
            command = "zombie"
        commands.append(command[-60:])
        if any(word in command for word in OWN):
            memory[f"{process.pid} {command[:40]}"] = rss_of(process.pid)
    tasks = answer.pop("names")
    return Reading({**answer, "processes": len(tree)}, memory, tasks, dict(Counter(commands)))


async def settled(gateway: Gateway, servers: int, seconds: float = 60.0) -> Reading:
    """Once nothing runs but so many servers, and nothing has changed for a second. Fails after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    last, since = await asyncio.to_thread(read, gateway), loop.time()
    while loop.time() - since < 1.0:
        assert loop.time() < deadline, f"it does not come to rest: {last}"
        await asyncio.sleep(0.2)
        found = await asyncio.to_thread(read, gateway)
        counts = found.counts
        if counts != last.counts or counts["calls"] or counts["leases"] or counts["servers"] != servers:
            since = loop.time()
        last = found
    return last


async def back_at(gateway: Gateway, before: Reading, seconds: float = 45.0) -> Reading:
    """Once nothing is more than `before`, or after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    found = await asyncio.to_thread(read, gateway)
    while found.grown(before) and loop.time() < deadline:
        await asyncio.sleep(0.2)
        found = await asyncio.to_thread(read, gateway)
    return found
