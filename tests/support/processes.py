"""Processes as a test sees them: trees, who is alive, and waiting for a condition without hoping."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.serve.orphans import descendants

T = TypeVar("T")

# Seconds a condition may take on a machine that is busy; a promise in seconds is `tests.support.pace.within`.
PATIENCE = 30.0


@dataclass(frozen=True)
class Seen:
    """One process for ever: its pid may be used again, its start may not."""

    pid: int
    started: int
    command: str

    @property
    def alive(self) -> bool:
        return any(p.started == self.started and not p.zombie for p in descendants((self.pid,)) if p.pid == self.pid)


def tree_of(pid: int) -> list[Seen]:
    """`pid` and everything below it, parents first."""
    return [Seen(p.pid, p.started, command_of(p.pid)) for p in descendants((pid,)) if not p.zombie]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def rss_of(pid: int) -> int:
    """Kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def eventually(found: Callable[[], T], seconds: float = PATIENCE, what: str = "") -> T:
    """The first true value of `found`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or found}"
        time.sleep(0.02)
    return value


def survivors(seen: list[Seen]) -> list[Seen]:
    return [process for process in seen if process.alive]
