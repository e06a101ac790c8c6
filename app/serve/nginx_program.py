"""nginx as a child of ours, which says goodbye before a worker of it ends. Stdlib only.

Before version 1.27.4 a worker that ends closes every idle connection at once, with a request on its way on some of
them, and a client that repeats nothing has lost a call. So, while a sign is there, connections end with their answers
(nginx/snippets/farewell.conf). The sign is a directory, one of nginx's own: it makes it whenever it reads its
configuration again, a tenth of a second before its old workers hear of their end; for a reload that goes through us it
is there earlier. A file in its place keeps nginx from making it when it starts.
"""

import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.serve.program import Program

SIGN = "farewell"
BEFORE = 1.0
"""Seconds between the sign and a reload of ours: whoever calls this often has no idle connection by then."""
LASTS = 5.0
"""Seconds until the sign is taken away: calls that were under way at the reload have ended by then, but for a few."""
_PID = "nginx.pid"
"""Holds the number of an nginx that has read its configuration."""


class NginxProgram(Program):
    """`words` run it in the background, over the configuration in `directory`; see `Program` for the rest."""

    def __init__(self, words: Sequence[str], directory: Path, env: Mapping[str, str], fds: Sequence[int] = ()) -> None:
        super().__init__("nginx", [*words, "-g", "daemon off;"], env, fds, piped=True)
        self._sign = directory / SIGN
        self._pid_file = directory / _PID
        self._said: float | None = None
        self.starting = True
        """Whether it may have to read its configuration for the first time yet: a reload has no sign meanwhile."""
        self._reload_at = float("inf")

    def reload(self, now: float) -> None:
        """Have it read its configuration again, once its clients have been told."""
        if not self._sign.is_dir():
            self._put_away()
            self._sign.mkdir(mode=0o700, exist_ok=True)
        self._said = now
        self._reload_at = min(self._reload_at, now + BEFORE)

    def keep(self, now: float) -> None:
        """Also looks after the sign, and reloads when it is time."""
        with suppress(OSError):
            self._tend(now)
        super().keep(now)
        if now >= self._reload_at:
            self._reload_at = float("inf")
            self.signal(signal.SIGHUP)

    def _tend(self, now: float) -> None:
        if self.pid is None:
            # It begins with what there is now.
            self._put_away()
            self._sign.touch()
            self.starting, self._reload_at = True, float("inf")
        elif not self._sign.is_dir():
            if self.starting and self._pid_file.read_text().strip() == str(self.pid):
                self._put_away()
        elif self._said is None:
            self._said = now
        elif now - self._said >= LASTS:
            self._put_away()

    def _put_away(self) -> None:
        self._said, self.starting = None, False
        if self._sign.is_dir():
            self._sign.rmdir()
        else:
            self._sign.unlink(missing_ok=True)
