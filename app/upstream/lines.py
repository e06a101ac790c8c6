"""Bytes in chunks become whole lines, in time linear in the bytes and with bounded memory.

Pure. Theory of operation: chunks of an unfinished line are kept in a list and joined once, when its newline comes. A
line over the limit is dropped as it arrives; its end, however late, starts a good line again.
"""

from collections.abc import Iterator


class LineSplitter:
    """`feed` yields each line without its newline; None stands for one dropped for its length (said once a line).

    `overlong` counts the bytes of the line now being dropped, 0 while none is: a reader gives up on a peer by it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.overlong = 0

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        if not self._size and not self.overlong and chunk.endswith(b"\n") and len(chunk) <= self._limit:
            # The common case: whole lines and nothing left over.
            yield from chunk[:-1].split(b"\n")
            return
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            yield from self._append(part)
            if self.overlong:
                self.overlong = 0
            else:
                line = b"".join(self._parts) if self._parts else b""
                self._parts.clear()
                self._size = 0
                yield line
        if rest:
            yield from self._append(rest)

    def _append(self, part: bytes) -> Iterator[None]:
        if self.overlong:
            self.overlong += len(part)
            return
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
            return
        self.overlong, self._size = self._size, 0
        self._parts.clear()
        yield None
