import gc
import os
import signal

import anyio
import pytest

from app.upstream.child import Child, PipeEnd

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


async def ended(*argv: str, kill: int = 0) -> int | None:
    gone = anyio.Event()
    child = Child(argv, ENVIRONMENT, None, gone.set)
    if kill:
        os.kill(child.pid, kill)
    with anyio.fail_after(30):
        await gone.wait()
    close(child)
    return child.code


def close(child: Child) -> None:
    for end in (child.stdin, child.stdout, child.stderr):
        end.close()


async def test_the_exit_code_is_known_when_the_end_is_told() -> None:
    assert await ended("/bin/sh", "-c", "exit 7") == 7


async def test_a_signal_is_a_negative_code() -> None:
    assert await ended("/bin/sleep", "60", kill=signal.SIGKILL) == -signal.SIGKILL


async def test_the_end_is_told_also_where_the_kernel_has_no_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert await ended("/bin/sh", "-c", "exit 7") == 7


async def test_arguments_reach_the_program_as_they_are() -> None:
    gone = anyio.Event()
    child = Child(["/bin/echo", "$HOME; *", "a\nb"], ENVIRONMENT, "/", gone.set)
    with anyio.fail_after(30):
        await gone.wait()
    assert os.read(child.stdout.fileno(), 100) == b"$HOME; * a\nb\n"
    close(child)


async def test_a_cwd_that_vanished_is_an_error_at_once_and_leaves_no_pipe() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No such file"):
        Child(["/bin/true"], ENVIRONMENT, "/no/such/place", lambda: None)
    assert os.listdir("/proc/self/fd") == before


async def test_an_end_is_closed_once_and_never_what_has_its_number_since() -> None:
    reading, writing = map(PipeEnd, os.pipe())
    reading.close()
    other = os.open(os.devnull, os.O_RDONLY)
    assert other == reading.fileno()
    reading.close()
    os.close(writing.fileno())  # as libuv does
    another = os.open(os.devnull, os.O_RDONLY)
    assert another == writing.fileno()
    writing.close()
    del reading, writing
    gc.collect()
    for descriptor in (other, another):
        os.close(descriptor)  # raises where somebody has
