"""Who descends from us, and the end of those nobody owns any more (DESIGN.md rule 9, RELIABILITY.md F14, F22, F23).

Stdlib only and synchronous: the launcher and the dying worker both use it. Linux alone has what this needs; elsewhere
nothing is found, and nothing is ended.
"""

import ctypes
import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Process:
    """One process of /proc. With `pid`, `started` (clock ticks since boot) names it for ever."""

    pid: int
    parent: int
    started: int
    zombie: bool


def become_subreaper() -> bool:
    """What our descendants leave behind becomes our child instead of init's; whether the kernel can do that."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """We get SIGTERM when `parent` dies: at once if it is dead already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def dying_with_us(argv: list[str]) -> list[str]:
    """`argv` such that the program gets SIGTERM when we die; util-linux is on every Debian."""
    return ["setpriv", "--pdeathsig", "TERM", "--", *argv]


def children() -> list[int]:
    """The pids of our children, zombies and adopted ones included."""
    found: list[int] = []
    try:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found += [int(pid) for pid in file.read().split()]
    except OSError:
        # Kernels may be built without that file: then the long way.
        us = os.getpid()
        return [process.pid for process in _processes().values() if process.parent == us]
    return found


def descendants(roots: Collection[int]) -> list[Process]:
    """`roots` and all that came from them, as far as they live; parents come before their children."""
    processes = _processes()
    by_parent: dict[int, list[int]] = {}
    for process in processes.values():
        by_parent.setdefault(process.parent, []).append(process.pid)
    found: list[Process] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in processes:
            found.append(processes[pid])
        waiting += by_parent.get(pid, ())
    return found


def end_descendants(spare: Collection[int] = ()) -> int:
    """SIGKILL for every descendant of ours but the children in `spare` and theirs; returns how many were left to end.

    Blocks until they are gone, at most two seconds: a process in an uninterruptible sleep outlasts any wait.
    """
    deadline = time.monotonic() + 2
    ended: set[tuple[int, int]] = set()
    while True:
        roots = [pid for pid in children() if pid not in spare]
        living = [process for process in descendants(roots) if not process.zombie]
        for process in living:
            _signal(process.pid, signal.SIGKILL)
            ended.add((process.pid, process.started))
        for pid in roots:
            reap(pid)
        if not living or time.monotonic() > deadline:
            return len(ended)
        time.sleep(0.01)


def reap(pid: int) -> None:
    """Take a zombie of ours off the process table."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


class Orphans:
    """Ends what we adopted: SIGTERM when it is first seen, SIGKILL for its whole tree `grace` seconds later."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._seen: dict[int, float] = {}
        # What was there before us (a script's background jobs, when it became us by `exec`) is not ours to end.
        self.spared = frozenset(children())

    def __repr__(self) -> str:
        return f"<Orphans {sorted(self._seen)}>"

    def tend(self, started: Collection[int], now: float) -> list[int]:
        """One pass; `started` are the children we started. Returns the pids told to end in this pass."""
        strangers = {pid for pid in children() if pid not in started and pid not in self.spared}
        told: list[int] = []
        for pid in strangers:
            reap(pid)
            if pid not in self._seen:
                self._seen[pid] = now
                _signal(pid, signal.SIGTERM)
                told.append(pid)
            elif now - self._seen[pid] >= self._grace:
                for process in descendants((pid,)):
                    _signal(process.pid, signal.SIGKILL)
        self._seen = {pid: since for pid, since in self._seen.items() if pid in strangers}
        return told


def _processes() -> dict[int, Process]:
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return {}
    return {pid: process for pid in pids if (process := _read(pid))}


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The command's name may hold spaces and parentheses: the fields count from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[19]), fields[0] == b"Z")


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _prctl(option: int, value: int) -> bool:
    try:
        return ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0
    except (OSError, AttributeError):
        return False
