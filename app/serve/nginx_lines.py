"""What nginx writes to its stderr, as lines of our own log: its errors reworded, its access lines as they are.

An access line is one JSON object that our configuration made (nginx/snippets/access-log.conf). Under load there is one
for every request, so where the log is JSON they are passed on in bulk; secrets are masked all the same (logs.py).
"""

import json
import logging
from collections.abc import Mapping
from typing import cast

from app.serve.logs import JsonLine, Lines
from app.serve.nginx import access, log, relay, tells_of_a_cut

_ACCESS = b'{"time":'
_LONGEST = 65536
# Of every line, and so not among the fields.
_COMMON = ("time", "level", "logger", "message")


class NginxLines:
    """Takes what was read from nginx's stderr, in whatever pieces it came."""

    def __init__(self) -> None:
        self._rest = b""

    def __repr__(self) -> str:
        return f"<NginxLines {len(self._rest)} bytes of a line>"

    def feed(self, data: bytes, *, stopping: bool = False) -> None:
        """`stopping`: connections that are still open are cut on purpose, and what nginx says of that is no alert."""
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:_LONGEST]
        lines = [line for line in whole if line.startswith(_ACCESS)]
        if lines:
            _pass_on(lines)
        for line in whole:
            if not line.startswith(_ACCESS):
                for level, text in relay(line):
                    log.log(logging.DEBUG if stopping and tells_of_a_cut(text) else level, "%s", text)


def _pass_on(lines: list[bytes]) -> None:
    handlers = logging.getLogger().handlers
    if handlers and isinstance(handlers[0], Lines) and isinstance(handlers[0].formatter, JsonLine):
        handlers[0].write(b"\n".join(lines).decode("ascii", "backslashreplace"))
        return
    for line in lines:
        try:
            fields = cast(Mapping[str, object], json.loads(line))
        except ValueError:
            access.warning("%s", line.decode("ascii", "backslashreplace"))
            continue
        shown = {name: value for name, value in fields.items() if name not in _COMMON and value not in ("", True)}
        access.info("request", extra={"fields": shown})
