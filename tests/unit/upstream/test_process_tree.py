import os
import signal
import subprocess
import sys
import time

import pytest

from app.upstream import process_tree
from app.upstream.process_tree import Household, Process, pipe_names, read_process, read_processes

# A leader, a child that leaves the session, and the child's child; each prints its pid and stays.
TREE = """
import os, sys, time
print(os.getpid(), flush=True)
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    if os.fork() == 0:
        print(os.getpid(), flush=True)
time.sleep(60)
"""


def start() -> tuple[subprocess.Popen[bytes], list[int]]:
    child = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    return child, [int(child.stdout.readline()) for _ in range(3)]


def test_a_process_is_read_as_it_is() -> None:
    ourselves = read_process(os.getpid())
    assert ourselves is not None
    assert ourselves.parent == os.getppid()
    assert ourselves.session == os.getsid(0)
    assert not ourselves.zombie
    assert read_process(2**22 + 1) is None
    assert read_processes()[os.getpid()].start == ourselves.start


def test_a_family_is_the_child_and_all_that_came_from_it() -> None:
    child, pids = start()
    with child:
        family = Household().add(child.pid)
        assert {p.pid for p in family.living(read_processes())} == set(pids)
        assert family.signal(signal.SIGKILL) == 3
        child.wait()


def test_who_was_noted_is_found_when_its_parents_are_gone() -> None:
    child, pids = start()
    with child:
        household = Household()
        family = household.add(child.pid)
        household.note()
        os.kill(pids[1], signal.SIGKILL)
        child.kill()
        child.wait()
        assert pids[2] in {p.pid for p in family.living(read_processes())}
        family.signal(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while family.living(read_processes()):
            assert time.monotonic() < deadline
        family.leave()


def process(pid: int, parent: int, session: int, start: int) -> Process:
    return Process(pid, parent, session, session, start, False)


def test_an_adopted_process_that_could_be_another_child_s_is_spared() -> None:
    household = Household(adopts=True)
    older, younger = household.add(2**22 + 1), household.add(2**22 + 2)
    older.head = household._heads[older.head.pid] = process(older.head.pid, os.getpid(), older.head.pid, 100)
    younger.head = household._heads[younger.head.pid] = process(younger.head.pid, os.getpid(), younger.head.pid, 200)
    early, late = process(2**22 + 3, os.getpid(), 2**22 + 3, 150), process(2**22 + 4, os.getpid(), 2**22 + 4, 250)
    everyone = {p.pid: p for p in (early, late)}
    assert older.living(everyone) == [early]
    assert younger.living(everyone) == []
    household.remove(older)
    assert younger.living(everyone) == [late]


def test_whose_an_adopted_process_is_says_its_mark_and_what_a_family_left_behind_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    household = Household(adopts=True)
    marks = household.marks.next(), household.marks.next(), household.marks.next()
    older, younger = household.add(2**22 + 1, marks[0]), household.add(2**22 + 2, marks[1])
    carried = {2**22 + 3: marks[1], 2**22 + 4: marks[0], 2**22 + 5: marks[2]}
    monkeypatch.setattr(household.marks, "of", carried.get)
    everyone = {pid: process(pid, os.getpid(), pid, 250) for pid in carried}
    assert [one.pid for one in older.living(everyone)] == [2**22 + 4]
    assert [one.pid for one in younger.living(everyone)] == [2**22 + 3]
    ended: list[tuple[int, int]] = []
    monkeypatch.setattr(process_tree, "read_processes", lambda: everyone)
    monkeypatch.setattr(os, "kill", lambda pid, number: ended.append((pid, number)))
    household.note()
    assert ended == [(2**22 + 5, signal.SIGKILL)]


def test_without_being_a_subreaper_nobody_is_taken_for_adopted() -> None:
    household = Household()
    stranger = process(2**22 + 3, os.getpid(), 2**22 + 3, 150)
    assert household.adopted({stranger.pid: stranger}) == []


def test_pipes_are_named_as_proc_names_them() -> None:
    reading, writing = os.pipe()
    try:
        assert pipe_names([reading]) == pipe_names([writing])
        assert all(name.startswith("pipe:[") for name in pipe_names([reading]))
    finally:
        os.close(reading)
        os.close(writing)
    assert pipe_names([reading]) == frozenset()
