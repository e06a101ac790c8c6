"""One child process and its three pipes: started without a shell, reaped when it ends.

`subprocess` rather than the loop's own spawning, because uvloop lets a child inherit descriptors of ours (F19). Must be
started from the main thread, which the parent-death signal follows (RELIABILITY.md section 3d). And pipes of our
own rather than `subprocess`'s file objects, which close their number once more after libuv has, at the latest when they
are collected: by then it may be a client's connection, and two connections of one number get each other's answers.
"""

import asyncio
import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache

from app.upstream.marks import marking


class PipeEnd:
    """One end of a pipe, as a loop wants it: uvloop's closes the descriptor itself, then this; asyncio's this alone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._inode = os.fstat(descriptor).st_ino

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Unless it is closed, and the number perhaps somebody else's."""
        with suppress(OSError):
            if os.fstat(self._descriptor).st_ino == self._inode:
                os.close(self._descriptor)


class Child:
    """A running process, leader of a session of its own. `exited` is called once, on the event loop.

    `stdin`, `stdout` and `stderr` are our ends of its pipes: for whoever started it to close, or to have closed.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        cwd: str | None,
        exited: Callable[[], None],
        mark: int | None = None,
    ) -> None:
        """`mark`: see `marks.py`. Raises `OSError` or `ValueError` when nothing can be started so."""
        self._exited = exited
        self._loop = asyncio.get_running_loop()
        with ExitStack() as ours, ExitStack() as theirs:
            stdin, self.stdin = _pipe(theirs, ours)
            self.stdout, stdout = _pipe(ours, theirs)
            self.stderr, stderr = _pipe(ours, theirs)
            with marking(mark):
                self._process = subprocess.Popen(
                    [*_guard(), *argv],
                    stdin=stdin.fileno(),
                    stdout=stdout.fileno(),
                    stderr=stderr.fileno(),
                    cwd=cwd,
                    env=environment,
                    start_new_session=True,
                )
            self._watch()
            ours.pop_all()

    def __repr__(self) -> str:
        return f"<Child {self.pid} {'running' if self.code is None else self.code}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code; the negative number of a signal; None while it runs."""
        return self._process.returncode

    def _watch(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            # No Linux, one before 5.3, or no descriptor left: a thread waits instead.
            self._watch_by_thread()
            return
        self._loop.add_reader(descriptor, self._reap, descriptor)

    def _reap(self, descriptor: int) -> None:
        if self._process.poll() is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._exited()

    def _watch_by_thread(self) -> None:
        try:
            threading.Thread(target=self._wait_in_thread, daemon=True, name=f"wait-{self.pid}").start()
        except RuntimeError as error:
            self._process.kill()
            self._process.wait()
            raise OSError(errno.EAGAIN, "no thread to wait for it") from error

    def _wait_in_thread(self) -> None:
        self._process.wait()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._exited)


def _pipe(reads: ExitStack, writes: ExitStack) -> tuple[PipeEnd, PipeEnd]:
    """A pipe, each end closed at the end of its stack. Raises `OSError` where there are no descriptors left."""
    reading, writing = map(PipeEnd, os.pipe())
    reads.callback(reading.close)
    writes.callback(writing.close)
    return reading, writing


@cache
def _guard() -> list[str]:
    """A child must not outlive us, however we die (RELIABILITY.md section 0, finding 3)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
