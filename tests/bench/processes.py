"""What processes cost: the tree below a root, its CPU seconds and its memory, read from /proc (Linux).

The gateway's own processes and the upstream servers it started are told apart by command line: an upstream is a process
below the root that matches UPSTREAM, with everything below it.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

UPSTREAM = re.compile(r"(echo_(stdio|http)|growing)\.py")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Tree:
    own: tuple[int, ...]
    upstreams: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds used so far by the gateway's tree and by the upstreams; the machine's stolen and total ticks."""

    own_s: float
    upstream_s: float
    stolen: int
    ticks: int


def read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # the process has ended
        return ""


def stat(pid: int) -> list[str]:
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def command_line(pid: int) -> str:
    return read(f"/proc/{pid}/cmdline").replace("\0", " ")


def tree(root: int) -> Tree:
    """The live processes from `root` down."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat(int(entry))):
            children[int(fields[1])].append(int(entry))
    own: list[int] = []
    upstreams: list[int] = []
    waiting = [(root, bool(UPSTREAM.search(command_line(root))))]
    while waiting:
        pid, outside = waiting.pop()
        (upstreams if outside else own).append(pid)
        waiting += [(child, outside or bool(UPSTREAM.search(command_line(child)))) for child in children[pid]]
    return Tree(tuple(own), tuple(upstreams))


def cpu_seconds(pids: tuple[int, ...]) -> float:
    return sum(int(fields[11]) + int(fields[12]) for pid in pids if (fields := stat(pid))) / TICK


def reading(found: Tree, upstream: int | None = None) -> Reading:
    """The clocks now: of a tree, and of an upstream that is not part of it.

    The tree is looked up before a run: to look through all processes takes 10 ms and more of a core that the run needs,
    and a whole per cent of the calls of a short run would wait for that.
    """
    outside = (upstream,) if upstream else ()
    ticks = [int(n) for n in read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return Reading(cpu_seconds(found.own), cpu_seconds(found.upstreams + outside), ticks[7], sum(ticks))


def memory_mb(pids: tuple[int, ...]) -> float:
    """Resident memory, shared pages counted once for each process (RSS), in MB."""
    sizes = (re.search(r"VmRSS:\s+(\d+)", read(f"/proc/{pid}/status")) for pid in pids)
    return sum(int(size[1]) for size in sizes if size) / 1024


def yardstick_ms() -> float:
    """CPU milliseconds of a fixed piece of work, now: how much dearer the machine's other work makes everything."""
    text = json.dumps([{"name": f"tool_{i}", "arguments": {"text": "x" * 64, "n": i}} for i in range(200)])
    began = time.process_time()
    for _ in range(40):
        json.dumps(json.loads(text))
    return 1000 * (time.process_time() - began)


def stop(process: subprocess.Popen[bytes], grace: float = 8) -> None:
    """Ends a process that was started in a session of its own: SIGTERM to it, SIGKILL to its group after `grace` s."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
