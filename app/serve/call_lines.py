"""The one log line of a call, written past `logging`: under load every call writes one.

In JSON alone, which is what a service writes; on a terminal the line goes the usual way. Same fields, same order, same
level, same masking as every other line (logs.py).
"""

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from app.serve.logs import JsonLine, Lines, encode, stamp

Write = Callable[[Mapping[str, object]], None]
LOGGER = "app.call"
MESSAGE = "call"


def call_writer() -> Write:
    """What writes a call's fields. Takes the handler that `logs.configure` has installed."""
    logger = logging.getLogger(LOGGER)
    handlers = logging.getLogger().handlers
    lines = handlers[0] if handlers else None
    if not (isinstance(lines, Lines) and isinstance(lines.formatter, JsonLine)):
        return lambda fields: logger.info(MESSAGE, extra={"fields": fields})

    def write(fields: Mapping[str, object]) -> None:
        if logger.isEnabledFor(logging.INFO):
            head = f'{{"time":"{stamp(time.time())}","level":"INFO","logger":"{LOGGER}","message":"{MESSAGE}",'
            told = msgspec.json.encode(fields).decode()
            # Clients choose the names of tools, and a line is ASCII (logs.py); most names are.
            lines.write(head + (told if told.isascii() else encode(fields))[1:])

    return write
