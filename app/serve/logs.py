"""What a log line looks like: one per event, one handler on the root, in `text` or `json`. Stdlib only.

Every logger ends here, gunicorn's, uvicorn's and Python's warnings included. A record's own fields come as
`extra={"fields": {...}}`. No secret passes: `hide` names them. Whatever bytes a message holds, a JSON line is one
object of ASCII, and a text line is one line (tracebacks apart).
"""

import json
import logging
import os
import select
import sys
import time
from collections.abc import Iterable, Mapping

from app.config.key_format import ANYWHERE

MASK = "***"
# Chatty below these; MCP_LOG_LEVELS wins.
QUIET = {
    "asyncio": "WARNING",
    "gunicorn": "WARNING",
    "httpcore": "WARNING",
    "httpx": "WARNING",
    "httpx2": "WARNING",
    "litestar": "WARNING",
    "mcp": "WARNING",
    "uvicorn": "WARNING",
    "watchfiles": "WARNING",
}
# Our own line per call says more than an access log does; uvicorn writes none where nobody listens.
_SILENT = ("gunicorn.access", "uvicorn.access")
# Shorter ones are words, and masking a word would garble every line.
SHORTEST_SECRET = 6
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
# Marks that turn the order of what follows around, and line ends that only some readers know.
_MARKS = {code: f"\\u{code:04x}" for code in (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))}
_ESCAPED = _CONTROL | _MARKS | {10: "\\n", 13: "\\r", 9: "\\t"}
PATIENCE = 50
"""Milliseconds that the first line waits for a reader who stands still; the next ones wait no more until it goes on."""
_QUOTED = frozenset(' "=\\')
encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str, skipkeys=True).encode


class Lines(logging.Handler):
    """Writes whole lines to a file descriptor. A reader that went away or stands still, or a full disk, is no reason to
    fail or to wait: the line is lost, and how many were is said once there is room again (RELIABILITY.md F50, F56).
    """

    def __init__(self, descriptor: int, line: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(line)
        self._descriptor = descriptor
        self._secrets: tuple[str, ...] = ()
        self._lost = 0

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these appear as `***`, also where JSON escapes them."""
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        known |= {encode(secret)[1:-1] for secret in known}
        # The longest first: one secret may hold another.
        self._secrets = tuple(sorted({*self._secrets, *known}, key=len, reverse=True))

    def emit(self, record: logging.LogRecord) -> None:
        self.write(self.format(record))

    def write(self, line: str) -> None:
        """One whole line, without its end; secrets are masked here and nowhere else."""
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, MASK)
        # Of those we made nothing is stored but a hash; a client may put one where it does not belong.
        if "mgw_" in line:
            line = ANYWHERE.sub(MASK, line)
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._lost and not self._put(self._loss()):
            self._lost += data.count(b"\n")
        else:
            self._lost = 0 if self._put(data) else data.count(b"\n")

    def _loss(self) -> bytes:
        """The line that tells of those that were lost. What was torn before it, by whichever process, ends there."""
        record = logging.makeLogRecord({"name": "app.log", "levelno": logging.WARNING, "levelname": "WARNING"})
        record.msg, record.args = "%d lines of this log were lost: they could not be written", (self._lost,)
        return b"\n" + self.format(record).encode() + b"\n"

    def _put(self, data: bytes) -> bool:
        """Whether all of it went out."""
        try:
            while data:
                if not self._has_room():
                    return False
                data = data[os.write(self._descriptor, data[: select.PIPE_BUF]) :]
        except OSError:
            return False
        return True

    def _has_room(self) -> bool:
        """Whether `PIPE_BUF` bytes can be written without waiting. A new poll each time: threads share the handler."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(0 if self._lost else PATIENCE))


class JsonLine(logging.Formatter):
    """`{"time", "level", "logger", "message", …fields, "error"}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": stamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record),
        }
        line |= fields_of(record)
        if record.exc_info and record.exc_info[0]:
            line["error"] = self.formatException(record.exc_info)
        return encode(line)


class TextLine(logging.Formatter):
    """`time LEVEL logger: message field=value …`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_shown(value)}" for name, value in fields_of(record).items())
        text = f"{message_of(record)}{fields}".translate(_ESCAPED)
        line = f"{stamp(record.created)} {record.levelname:<7} {record.name}: {text}"
        if record.exc_info and record.exc_info[0]:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


def _shown(value: object) -> str:
    """A field's value; quoted where it could be taken for several, since clients choose the names of tools."""
    text = str(value)
    return text if text and not set(text) & _QUOTED else json.dumps(text, ensure_ascii=False)


def configure(level: str, levels: Iterable[tuple[str, str]], form: str, descriptor: int = 2) -> None:
    """Point every logger of the process at `descriptor`. May be called again: what was hidden stays hidden."""
    logging.raiseExceptions = False
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    # No line shows where it was logged, and finding that out is half of a line's cost (the logging HOWTO's own advice).
    logging._srcfile = None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    handler = Lines(descriptor, JsonLine() if form == "json" else TextLine())
    root = logging.getLogger()
    for former in root.handlers:
        if isinstance(former, Lines):
            handler.hide(former._secrets)  # noqa: SLF001 - its own kind  # pyright: ignore[reportPrivateUsage]
    root.handlers = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    for name, least in {**QUIET, **dict(levels)}.items():
        logging.getLogger(name).setLevel(least)
    for name in _SILENT:
        logging.getLogger(name).propagate = False
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def hide(secrets: Iterable[str]) -> None:
    """These texts never appear in a line from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Lines):
            handler.hide(secrets)


def message_of(record: logging.LogRecord) -> str:
    """The message; one whose arguments do not fit it is shown with them, and not lost."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    """What was given as `extra={"fields": …}`."""
    return getattr(record, "fields", None) or {}


_second: tuple[int, str] = (0, "")


def stamp(created: float) -> str:
    """Unix time as lines show it: UTC, to the millisecond."""
    global _second  # noqa: PLW0603 - a cache of one entry: strftime costs more than the rest of the line
    whole = int(created)
    if whole != _second[0]:
        _second = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)))
    return f"{_second[1]}.{int((created - whole) * 1000):03}Z"


def _log_uncaught(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("app").critical("stopped by an error that nothing expected", exc_info=error)
