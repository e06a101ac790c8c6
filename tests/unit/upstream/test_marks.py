import os
import resource
import subprocess
import sys

import pytest

from app.upstream.marks import Marks, marking

# Forks twice, leaves the session, closes everything and clears its environment; prints nothing.
DETACHED = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.write(1, b"%d\\n" % os.getpid())
    for descriptor in range(3):
        os.close(descriptor)
    os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], {})
os.wait()
"""


def test_each_start_has_a_mark_of_its_own_and_ours_is_none() -> None:
    marks = Marks()
    first, second = marks.next(), marks.next()
    assert first != second
    assert marks.issued(first)
    assert marks.issued(second)
    assert not marks.issued(marks.of(os.getpid()))
    assert not marks.issued(None)
    assert repr(marks) == "<Marks 2 issued>"


def test_a_mark_is_inherited_by_what_detaches_itself_in_every_way() -> None:
    marks = Marks()
    mark, before = marks.next(), resource.getrlimit(resource.RLIMIT_MSGQUEUE)
    with marking(mark):
        child = subprocess.Popen([sys.executable, "-c", DETACHED], stdout=subprocess.PIPE)
    assert resource.getrlimit(resource.RLIMIT_MSGQUEUE) == before
    with child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        try:
            assert marks.of(pid) == mark
        finally:
            os.kill(pid, 9)


def test_a_process_that_is_gone_has_none() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert Marks().of(child.pid) is None


def test_where_the_kernel_leaves_no_room_nothing_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_MSGQUEUE)
    monkeypatch.setattr("app.upstream.marks._soft_limit", lambda _: 0)
    marks = Marks()
    assert marks.next() is None
    assert not marks.issued(0)
    with marking(None):
        assert resource.getrlimit(resource.RLIMIT_MSGQUEUE) == before
