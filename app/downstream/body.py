"""A request's body, whole and bounded in size and time: nginx passes on what it reads, and may not be there at all."""

import asyncio

from litestar.types import Receive, Scope

STALL = 15.0
"""Seconds without a byte. nginx gives up after 10."""
PATIENCE = 20.0
"""Seconds for a body, whatever its size; one that drips is cut off then."""
LEAST_RATE = 8192
"""Bytes a second from which a large body has longer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body; None when it is longer than `limit` bytes. b"" also for a client that hung up.

    Raises `TimeoutError` when it comes too slowly: then the connection must not be used again.
    """
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared) > limit:
        return None
    chunks: list[bytes] = []
    size, clock = 0, asyncio.get_running_loop().time
    began = clock()
    async with asyncio.timeout_at(began + STALL) as patience:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                return None
            if not message.get("more_body"):
                return b"".join((*chunks, chunk)) if chunks else chunk
            chunks.append(chunk)
            patience.reschedule(min(clock() + STALL, began + PATIENCE + size / LEAST_RATE))
