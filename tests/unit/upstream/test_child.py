import gc
import os
import signal

import anyio
import pytest

from app.upstream.child import Child

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
    for descriptor in (child.stdin, child.stdout, child.stderr):
        os.close(descriptor)


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
    assert os.read(child.stdout, 100) == b"$HOME; * a\nb\n"
    close(child)


async def test_a_cwd_that_vanished_is_an_error_at_once_and_leaves_no_pipe() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No such file"):
        Child(["/bin/true"], ENVIRONMENT, "/no/such/place", lambda: None)
    assert os.listdir("/proc/self/fd") == before


async def test_our_ends_are_nobody_elses_to_close() -> None:
    """What is collected later would close the number that somebody else has by then."""
    gone = anyio.Event()
    child = Child(["/bin/true"], ENVIRONMENT, None, gone.set)
    with anyio.fail_after(30):
        await gone.wait()
    ends = child.stdin, child.stdout, child.stderr
    del child
    gc.collect()
    for descriptor in ends:
        os.close(descriptor)  # raises where somebody has
