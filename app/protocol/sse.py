"""Server-sent events: bytes into events, and messages into events.

Pure. HTML Living Standard, section 9.2.6: lines end in CR, LF or CRLF, a BOM may open the stream, a comment starts with
a colon. Any split of the bytes gives the same events. An event is bounded: a peer may never send the blank line.
"""

import re

import msgspec

KEEP_ALIVE = b": keep-alive\n\n"
MESSAGE = b"message"
MAX_EVENT_BYTES = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_NEWLINES = bytes.maketrans(b"\r\n", b"  ")
# What servers send nearly always: one chunk, one whole event, one data line.
_WHOLE_EVENT = re.compile(rb"(?:event: message\r?\n)?data: ([^\r\n]*)(?:\r?\n){2}")


class Event(msgspec.Struct, frozen=True):
    """One dispatched event; `id` is the last one the stream named, empty when it named none."""

    data: bytes
    event: bytes = MESSAGE
    id: bytes = b""


class Decoder:
    """One stream. `feed` it every chunk; once `overflowed`, an event was larger than `limit` and nothing follows.

    `last_id` is what a reconnection sends as `Last-Event-ID`, `retry` the delay the server asked for, in milliseconds;
    the stream that resumes another one starts with that one's.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES, last_id: bytes = b"", retry: int | None = None) -> None:
        self.last_id = last_id
        self.retry = retry
        self.overflowed = False
        self._limit = limit
        self._partial: list[bytes] = []
        self._fresh = True
        self._after_cr = False
        self._id = last_id
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0

    def __repr__(self) -> str:
        return f"Decoder(pending={self._size}, last_id={self.last_id!r}, overflowed={self.overflowed})"

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes, in order."""
        if not self._size and not self._fresh and not self._after_cr and not self._event and not self._data:
            whole = _WHOLE_EVENT.fullmatch(chunk)
            if whole is not None and len(chunk) <= self._limit:
                return [Event(whole[1], id=self.last_id)]
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if not chunk or self.overflowed:
            return []
        return self._split(chunk)

    def _split(self, chunk: bytes) -> list[Event]:
        if b"\n" not in chunk and b"\r" not in chunk:
            self._keep(chunk)
            return []
        if self._partial:
            self._size -= sum(map(len, self._partial))
            chunk = b"".join([*self._partial, chunk])
            self._partial.clear()
        self._after_cr = chunk[-1:] == b"\r"
        lines = chunk.splitlines()
        rest = lines.pop() if chunk[-1:] not in (b"\r", b"\n") else b""
        events: list[Event] = []
        for line in lines:
            if self._size + len(line) > self._limit:
                self._overflow()
                return events
            bare = line.removeprefix(_BOM) if self._fresh else line
            self._fresh = False
            if bare:
                self._field(bare)
            else:
                self._dispatch(events)
        if rest:
            self._keep(rest)
        return events

    def _keep(self, partial: bytes) -> None:
        self._partial.append(partial)
        self._size += len(partial)
        if self._size > self._limit:
            self._overflow()

    def _overflow(self) -> None:
        self.overflowed = True
        self._partial.clear()
        self._data.clear()

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._size += len(value) + 1
            case b"event":
                self._event = value
            case b"id" if b"\0" not in value:
                self._id = value
            case b"retry" if value.isdigit() and len(value) < 10:
                self.retry = int(value)
            case _:
                pass  # a comment, or a field of a later standard

    def _dispatch(self, events: list[Event]) -> None:
        self.last_id = self._id
        if self._data:
            events.append(Event(b"\n".join(self._data), self._event or MESSAGE, self.last_id))
        self._data = []
        self._event = b""
        self._size = 0


def encode_event(data: bytes) -> bytes:
    """One message as one event. `data` is JSON: a line end in it can only be white space, and becomes a space."""
    if b"\n" in data or b"\r" in data:
        data = data.translate(_NEWLINES)
    return b"event: message\ndata: " + data + b"\n\n"
