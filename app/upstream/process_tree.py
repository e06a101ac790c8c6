"""Which processes belong to a stdio child, also those that left its process group, and how they are ended.

Reads /proc and sends signals; nothing here awaits. Theory of operation: while the child lives, its descendants are
found by parent; once it is gone, by session, by the pipes it handed down, and, since we are a subreaper, among what
was adopted by us. Whose an adopted process is says the mark that each start of a child hands down to all that comes
from it (`marks.py`); one without a mark that could also be another child's is spared (RELIABILITY.md F14).
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from app.upstream.marks import Marks

_PR_SET_CHILD_SUBREAPER = 36
RECENT = 0.05


class Process(msgspec.Struct, frozen=True):
    """One line of /proc. `start` is in clock ticks since boot: with `pid` it names a process for ever."""

    pid: int
    parent: int
    group: int
    session: int
    start: int
    zombie: bool


def become_subreaper() -> bool:
    """Orphans of our children become our children, so that they can be found. False where the kernel has none."""
    try:
        return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    except (OSError, AttributeError):
        return False


def read_process(pid: int) -> Process | None:
    """One process as it is now; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The command name may hold spaces and parentheses: fields count from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]), fields[0] == b"Z")


def read_processes() -> dict[int, Process]:
    """All processes we may see; empty where there is no /proc."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return {}
    found = (read_process(pid) for pid in pids)
    return {process.pid: process for process in found if process}


class Household:
    """The stdio children of one program. Children are told apart by their pid and start time.

    `adopts`: we are a subreaper and start no other child in a session of its own, so that every such one was adopted.
    """

    def __init__(self, adopts: bool = False) -> None:
        self._adopts = adopts
        self._heads: dict[int, Process] = {}
        self._families: list[Family] = []
        self._recent: dict[int, Process] = {}
        self._read_at = -1.0
        self.marks = Marks()

    def __repr__(self) -> str:
        return f"<Household {sorted(self._heads)}>"

    def add(self, pid: int, mark: int | None = None) -> "Family":
        """A child just started, with this mark of `marks`: its family until `remove`."""
        head = read_process(pid) or Process(pid, os.getpid(), pid, pid, 0, False)
        self._heads[pid] = head
        family = Family(self, head, mark)
        self._families.append(family)
        return family

    def remove(self, family: "Family") -> None:
        """Its head is gone: nothing is kept from us by it any more."""
        self._heads.pop(family.head.pid, None)
        self._families.remove(family)

    def note(self) -> None:
        """Remember every family's descendants of now: they are known also when their parents are gone.

        What was adopted from a family that has left is ended.
        """
        processes = read_processes()
        for family in self._families:
            family.living(processes)
        present = {family.mark for family in self._families}
        for process in self.adopted(processes):
            if self.marks.issued(mark := self.marks.of(process.pid)) and mark not in present:
                _signal(process.pid, signal.SIGKILL)

    def recent(self) -> dict[int, Process]:
        """The processes of at most 50 ms ago: many children that are waited for at once share a look."""
        now = time.monotonic()
        if now - self._read_at > RECENT:
            self._recent, self._read_at = read_processes(), now
        return self._recent

    def adopted(self, processes: dict[int, Process]) -> list[Process]:
        """Children of ours that we did not start. Their zombies are reaped on the way."""
        if not self._adopts:
            return []
        ours, session = os.getpid(), os.getsid(0)
        strangers = [
            p for p in processes.values() if p.parent == ours and p.session != session and p.pid not in self._heads
        ]
        for process in strangers:
            if process.zombie:
                _reap(process.pid)
        return [p for p in strangers if not p.zombie]

    def started_before(self, start: int, but: int) -> bool:
        """Whether another child than `but` could be the ancestor of a process started then."""
        return any(head.start <= start for pid, head in self._heads.items() if pid != but)


class Family:
    """One child and what came from it."""

    def __init__(self, household: Household, head: Process, mark: int | None = None) -> None:
        self._household = household
        self.head = head
        self.mark = mark
        self._known: dict[int, int] = {}
        self.pipes: frozenset[str] = frozenset()
        """`pipe:[inode]` of the ends the child was given."""

    def living(self, processes: dict[int, Process]) -> list[Process]:
        """The members alive, the head included while it runs."""
        head = self.head
        present = processes.get(head.pid)
        roots = {pid for pid, start in self._known.items() if (p := processes.get(pid)) and p.start == start}
        if present and present.start == head.start:
            roots.add(head.pid)
        roots |= {p.pid for p in processes.values() if p.session == head.pid and p.start >= head.start}
        for process in self._household.adopted(processes):
            if process.start >= head.start and process.pid not in roots and self._ours(process):
                roots.add(process.pid)
        members = _with_descendants(roots, processes)
        self._known = {p.pid: p.start for p in members}
        return [p for p in members if not p.zombie]

    def signal(self, number: signal.Signals) -> int:
        """Signal every living member; the number signalled."""
        members = self.living(read_processes())
        for process in members:
            _signal(process.pid, number)
        return len(members)

    def alive(self) -> bool:
        """Whether any member ran a moment ago; who it is is remembered."""
        return bool(self.living(self._household.recent()))

    def pids(self) -> list[int]:
        """The members that ran a moment ago."""
        return [process.pid for process in self.living(self._household.recent())]

    def leave(self) -> None:
        """All are gone, or given up: zombies that came to us are reaped."""
        self._household.remove(self)
        self._household.adopted(read_processes())

    def _ours(self, process: Process) -> bool:
        marks = self._household.marks
        if marks.issued(mark := marks.of(process.pid)):
            return mark == self.mark
        if self.pipes & _open_pipes(process.pid):
            return True
        return not self._household.started_before(process.start, but=self.head.pid)


def _with_descendants(roots: Iterable[int], processes: dict[int, Process]) -> list[Process]:
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    members: dict[int, Process] = {}
    stack = list(roots)
    while stack:
        pid = stack.pop()
        if pid not in members and pid in processes:
            members[pid] = processes[pid]
            stack.extend(children.get(pid, ()))
    return list(members.values())


def pipe_names(descriptors: Iterable[int]) -> frozenset[str]:
    """How /proc names these open files of ours, and of whoever inherits them."""
    return frozenset(target for fd in descriptors if (target := _target(f"/proc/self/fd/{fd}")))


def _open_pipes(pid: int) -> frozenset[str]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return frozenset()
    return frozenset(target for name in names if (target := _target(f"/proc/{pid}/fd/{name}")))


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
