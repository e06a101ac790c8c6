"""A transport that sends what is written in one turn of the loop with one system call.

uvicorn writes head and body of an answer apart: two system calls, and for small answers two packets, where a call's
whole budget is twenty of them. Knows no HTTP.
"""

import asyncio
from typing import Any

# From here on a copy costs more than handing on several pieces, which go out with one system call all the same.
LARGE = 1 << 15


class Cork(asyncio.Transport):
    """Around one connection's transport. What was written is sent at the end of the turn, and before a close."""

    __slots__ = ("_inner", "_pieces", "_soon")

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner = inner
        self._soon = loop.call_soon
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> None:
        """Whoever writes may not change `data` afterwards."""
        if not self._pieces:
            self._soon(self._flush)
        self._pieces.append(data)

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if len(pieces) == 1:
            self._inner.write(pieces[0])
        elif pieces:
            if len(pieces[-1]) < LARGE:
                self._inner.write(b"".join(pieces))
            else:
                self._inner.writelines(pieces)

    def close(self) -> None:
        self._flush()
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size() + sum(map(len, self._pieces))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._inner.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._inner.get_protocol()

    def write_eof(self) -> None:
        self._flush()
        self._inner.write_eof()

    def can_write_eof(self) -> bool:
        return self._inner.can_write_eof()
