"""A request's body, whole and bounded in size and time: nginx passes on what it reads, and may not be there at all.

Theory of operation: most bodies arrive with their head, so that the first `receive` has one at once. A clock for it
would cost a call 6 µs of CPU for nothing, so it is begun by hand, and timed only if it has to wait.
"""

import asyncio
from collections.abc import Generator
from typing import Any

from litestar.types import Receive, ReceiveMessage, Scope

STALL = 15.0
"""Seconds without a byte. nginx gives up after 10."""
PATIENCE = 20.0
"""Seconds for a body, whatever its size; one that drips is cut off then."""
LEAST_RATE = 8192
"""Bytes a second from which a large body has longer."""


class _Begun:
    """A `receive` that waits: `steps` is what is left of it, `waits_for` what it yielded first."""

    def __init__(self, steps: Generator[Any, Any, ReceiveMessage], waits_for: Any) -> None:
        self._steps = steps
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, ReceiveMessage]:
        try:
            try:
                yield self._waits_for
            except asyncio.CancelledError as error:  # goes where it would have been raised
                yield self._steps.throw(error)
        except StopIteration as over:
            return over.value
        return (yield from self._steps)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body; None when it is longer than `limit` bytes. b"" also for a client that hung up.

    Raises `TimeoutError` when it comes too slowly: then the connection must not be used again.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            return None
    steps = receive().__await__()
    try:
        waits_for = next(steps)
    except StopIteration as arrived:
        message: ReceiveMessage = arrived.value
        if message["type"] == "http.request" and not message.get("more_body"):
            body = message.get("body", b"")
            return body if len(body) <= limit else None
        clock = asyncio.get_running_loop().time
        began = clock()
    else:
        clock = asyncio.get_running_loop().time
        began = clock()
        async with asyncio.timeout_at(began + STALL):
            message = await _Begun(steps, waits_for)
    chunks, size = [_bytes(message)], len(_bytes(message))
    if size > limit or not _goes_on(message):
        return chunks[0] if size <= limit else None
    async with asyncio.timeout_at(_until(began, clock(), size)) as patience:
        while _goes_on(message):
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            chunks.append(_bytes(message))
            size += len(chunks[-1])
            if size > limit:
                return None
            patience.reschedule(_until(began, clock(), size))
    return b"".join(chunks)


def _until(began: float, now: float, size: int) -> float:
    return min(now + STALL, began + PATIENCE + size / LEAST_RATE)


def _bytes(message: ReceiveMessage) -> bytes:
    return message.get("body", b"") if message["type"] == "http.request" else b""


def _goes_on(message: ReceiveMessage) -> bool:
    return message["type"] == "http.request" and bool(message.get("more_body"))
