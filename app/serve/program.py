"""One program the launcher keeps running: its start, its end noticed, its next start after a pause. Stdlib only."""

import logging
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from app.serve.orphans import dying_with_us

log = logging.getLogger("app.serve")

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
# A program that lived this long starts over with the shortest pause: what cannot work ends sooner.
SETTLED = 2.0


class Program:
    """Owned by one loop, which calls `keep` in every turn. It gets SIGTERM when the launcher dies."""

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], fds: Sequence[int], *, piped: bool = False
    ) -> None:
        """`fds` are inherited under their numbers; `piped`: stderr comes to `lines` instead of ours."""
        self.name = name
        self._argv = dying_with_us([*argv])
        self._env = dict(env)
        self._fds = tuple(fds)
        self._pipe: tuple[int, int] | None = os.pipe() if piped else None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._due = 0.0

    def __repr__(self) -> str:
        return f"<Program {self.name} {self.pid or f'down, due {self._due:.1f}'}>"

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._process.pid if self._process else None

    @property
    def lines(self) -> int | None:
        """The descriptor its stderr can be read from, all its lives long."""
        if self._pipe is None:
            return None
        os.set_blocking(self._pipe[0], False)
        return self._pipe[0]

    def keep(self, now: float) -> None:
        """Start it if it is down and its pause is over."""
        if self._process is None and now >= self._due:
            # A session of its own: Ctrl-C on our terminal is for us alone, and we end it in order.
            self._process = subprocess.Popen(
                self._argv,
                env=self._env,
                pass_fds=self._fds,
                stdin=subprocess.DEVNULL,
                stderr=self._pipe[1] if self._pipe else None,
                start_new_session=True,
            )
            self._started = now
            log.debug("%s started", self.name, extra={"fields": {"pid": self._process.pid}})

    def ended(self, now: float) -> int | None:
        """Its exit status (negative: the signal) if it ended since the last call, else None."""
        if self._process is None or (status := self._process.poll()) is None:
            return None
        self._process = None
        if now - self._started >= SETTLED:
            self._pause = FIRST_PAUSE
        self._due = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return status

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens to one that does not run."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
