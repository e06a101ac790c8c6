"""Whose descendants we have, and that nobody is left: with real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.serve import orphans
from tests.support.processes import Seen, eventually, survivors, tree_of

# A child that ignores SIGTERM, with a grandchild of its own session that does so too; says when both are there.
STUBBORN = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork() == 0:\n    os.setsid()\n"
    "os.write(1, b'x')\ntime.sleep(60)\n"
)


@pytest.fixture(autouse=True)
def _subreaper() -> Iterator[None]:
    assert orphans.become_subreaper()
    yield
    orphans._prctl(orphans._PR_SET_CHILD_SUBREAPER, 0)


def _family() -> tuple[subprocess.Popen[bytes], list[Seen]]:
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert child.stdout
    assert len(child.stdout.read(2)) == 2
    child.stdout.close()
    family = tree_of(child.pid)
    assert len(family) == 2
    return child, family


def test_children_and_descendants_are_found() -> None:
    child, family = _family()
    assert child.pid in orphans.children()
    assert [p.pid for p in orphans.descendants((child.pid,))] == [seen.pid for seen in family]
    assert orphans.end_descendants(set(orphans.children()) - {child.pid}) == 2
    assert survivors(family) == []
    child.wait(30)


def test_a_kernel_without_the_list_of_children_is_asked_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    child, _ = _family()
    listed = orphans.children()

    real = os.listdir

    def listdir(path: str) -> list[str]:
        if path == "/proc/self/task":
            raise FileNotFoundError(path)
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(orphans.os, "listdir", listdir)
        assert set(orphans.children()) == set(listed)
    orphans.end_descendants(set(orphans.children()) - {child.pid})
    child.wait(30)


def test_what_we_adopt_is_asked_to_end_and_then_made_to() -> None:
    keeper = orphans.Orphans(grace=1.0)
    child, family = _family()
    grandchild = family[1]
    child.kill()
    child.wait(30)
    eventually(lambda: grandchild.pid in orphans.children())
    assert keeper.tend((), 100.0) == [grandchild.pid]
    assert keeper.tend((), 100.5) == []
    assert grandchild.alive
    keeper.tend((), 101.0)
    eventually(lambda: not grandchild.alive)
    keeper.tend((), 101.1)
    assert grandchild.pid not in orphans.children()


def test_what_we_started_and_what_was_there_before_us_is_let_be() -> None:
    before = subprocess.Popen(["sleep", "60"])
    keeper = orphans.Orphans(grace=0.0)
    started = subprocess.Popen(["sleep", "60"])
    assert keeper.tend((started.pid,), 1.0) == []
    assert keeper.tend((started.pid,), 2.0) == []
    assert before.poll() is started.poll() is None
    for process in (before, started):
        process.kill()
        process.wait(30)


def test_who_starts_under_a_dead_parent_ends_at_once() -> None:
    code = "from app.serve.orphans import die_with; die_with(1 << 22); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")


def test_a_program_dies_with_who_started_it() -> None:
    code = (
        "import subprocess, sys; from app.serve.orphans import dying_with_us\n"
        "child = subprocess.Popen(dying_with_us(['sleep', '60'])); print(child.pid, flush=True); input()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout
    assert parent.stdin
    (child,) = tree_of(int(parent.stdout.readline()))
    eventually(lambda: "sleep" in tree_of(child.pid)[0].command and "setpriv" not in tree_of(child.pid)[0].command)
    parent.kill()
    parent.wait(30)
    parent.stdin.close()
    parent.stdout.close()
    eventually(lambda: not child.alive)
    orphans.reap(child.pid)
