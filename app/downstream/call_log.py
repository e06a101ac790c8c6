"""One line a call: who called what, on which server, how it ended and how long it took. Never a key or an argument."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from itertools import count

log = logging.getLogger("app.call")
MAX_NAME = 256
WriteLine = Callable[[Mapping[str, object]], None]


def _to_logger(fields: Mapping[str, object]) -> None:
    log.info("call", extra={"fields": fields})


class CallLog:
    """Numbers requests and writes their lines. Ids are unique across restarts, and guess nothing.

    `write_line` takes a line's fields; serving hands in a faster one than `logging` (serve/call_lines.py).
    """

    def __init__(self, write_line: WriteLine = _to_logger) -> None:
        self._write_line = write_line
        self._boot = secrets.token_hex(4)
        self._numbers = count(1)

    def next_id(self) -> str:
        """The id a client sees in `X-Request-Id`, and an operator in the log."""
        return f"{self._boot}-{next(self._numbers)}"

    def write(
        self, request_id: str, began: float, *, client: str, method: str, name: str, server: str, era: str, outcome: str
    ) -> None:
        """`began`: `time.perf_counter()` at the first byte; `name`: tool, prompt or URI as the client gave it."""
        fields = {
            "client": client,
            "method": method[:MAX_NAME],
            "tool": name[:MAX_NAME],
            "server": server,
            "era": era,
            "outcome": outcome,
            "ms": round((time.perf_counter() - began) * 1000, 2),
            "request": request_id,
        }
        self._write_line(fields)
