"""What a child writes on stderr: always taken, logged within a budget, its last lines kept for diagnosis.

Does no I/O of its own but the log. The text is the server's: it goes to logs and `doctor`, never to a client.
"""

import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger("app.upstream.stderr")

BYTES_PER_SECOND = 64 * 1024
LINE_LIMIT = 8 * 1024
KEPT_LINES = 50
# Everything that could forge a log line or drive a terminal, tab excepted.
_CONTROL = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029], "\ufffd")


class StderrLog:
    """One server's stderr over all its restarts. `clock` is monotonic seconds."""

    def __init__(self, server: str, clock: Callable[[], float]) -> None:
        self._server = server
        self._clock = clock
        self._budget = BYTES_PER_SECOND
        self._second = clock()
        self._partial = b""
        self._skipping = False
        self._dropped = 0
        self._tail: deque[str] = deque(maxlen=KEPT_LINES)

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first, without control characters."""
        return tuple(self._tail)

    def feed(self, chunk: bytes) -> bool:
        """Take bytes as they come; whether they were over the budget, which bounds what they cost."""
        now = self._clock()
        if now - self._second >= 1:
            self._second, self._budget = now, BYTES_PER_SECOND
            self._tell_dropped()
        taken, dropped = chunk[: self._budget], chunk[self._budget :]
        self._budget -= len(taken)
        self._split(taken)
        if dropped:
            self._dropped += len(dropped)
            self._partial = b""
            self._skipping = not dropped.endswith(b"\n")
        return bool(dropped)

    def stray(self, line: bytes) -> None:
        """A line on stdout that is no message: it may say why there is none. It is logged where it is refused."""
        self._tail.append(f"(stdout) {_shown(line)}")

    def flush(self) -> None:
        """The child is gone: what stands without a newline is a line too."""
        if self._partial and not self._skipping:
            self._line(self._partial)
        self._partial, self._skipping = b"", False
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            text = "server=%s stderr: %d bytes dropped, over %d a second"
            log.warning(text, self._server, dropped, BYTES_PER_SECOND)

    def _split(self, chunk: bytes) -> None:
        *lines, rest = (self._partial + chunk).split(b"\n")
        for line in lines:
            if not self._skipping:
                self._line(line)
            self._skipping = False
        if len(rest) > LINE_LIMIT and not self._skipping:
            self._line(rest)
            self._skipping = True
        self._partial = b"" if self._skipping else rest

    def _line(self, line: bytes) -> None:
        text = _shown(line)
        if text:
            self._tail.append(text)
            log.info("server=%s stderr: %s", self._server, text)


def _shown(line: bytes) -> str:
    return line[:LINE_LIMIT].decode(errors="replace").rstrip().translate(_CONTROL)
