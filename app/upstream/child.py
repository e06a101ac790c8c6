"""One child process and its three pipes: started without a shell, reaped when it ends.

`subprocess` rather than the loop's own spawning, because uvloop lets a child inherit descriptors of ours (F19). Must be
started from the main thread, which the parent-death signal follows (RELIABILITY.md section 3d).
"""

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import IO

from app.upstream.marks import marking


class Child:
    """A running process, leader of a session of its own. `exited` is called once, on the event loop."""

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
        with marking(mark):
            self._process = subprocess.Popen(
                [*_guard(), *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=cwd,
                env=environment,
                start_new_session=True,
            )
        self._watch()

    def __repr__(self) -> str:
        return f"<Child {self.pid} {'running' if self.code is None else self.code}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code; the negative number of a signal; None while it runs."""
        return self._process.returncode

    @property
    def pipes(self) -> list[IO[bytes]]:
        """Our ends of stdin, stdout and stderr. Whoever connects one closes it; the rest must be closed too."""
        return [pipe for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if pipe]

    def _watch(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            # No Linux, or one before 5.3: a thread waits instead.
            threading.Thread(target=self._wait_in_thread, daemon=True, name=f"wait-{self.pid}").start()
            return
        self._loop.add_reader(descriptor, self._reap, descriptor)

    def _reap(self, descriptor: int) -> None:
        if self._process.poll() is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._exited()

    def _wait_in_thread(self) -> None:
        self._process.wait()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._exited)


@cache
def _guard() -> list[str]:
    """A child must not outlive us, however we die (RELIABILITY.md section 0, finding 3)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
