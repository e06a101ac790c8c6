"""Room for connections: whoever comes while little is left is told so, and not cut (RELIABILITY.md F51).

Theory of operation: a new descriptor gets the lowest free number, so that of a connection says how many are in use; to
look costs nothing. Beyond three quarters of what we may have, a connection is served all the same, but for the
endpoint (downstream/guards.py), and ends with its answer: health, our own commands and what servers need live on the
last quarter. A loop that accepts without any left (libuv) cuts whoever waits.
"""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from app.downstream.guards import NO_ROOM
from app.serve.descriptors import nginx_connections

log = logging.getLogger("app.serve")

AGAIN = 60.0
"""Seconds between two lines that say so."""
UNREAD = 2.0
"""Seconds a refused body has to come to its end: who is cut off while it sends may not see its answer."""


@dataclass
class Room:
    """What connections may take: numbers of descriptors below `descriptors`, and at most `connections` at once."""

    descriptors: int
    connections: int
    _say: float = field(default=0.0, init=False)

    @classmethod
    def of(cls, limit: int, *, behind_nginx: bool) -> Self:
        """With so many descriptors. nginx runs out before us, as each request takes two of its connections; of those a
        quarter is left for who is refused."""
        descriptors = limit - limit // 4
        return cls(descriptors, nginx_connections(limit) * 3 // 8 if behind_nginx else descriptors)

    def lacks(self, descriptor: int, connections: int) -> bool:
        """Whether the connection of this number, one of so many, is beyond it."""
        if descriptor < self.descriptors and connections <= self.connections:
            return False
        if time.monotonic() >= self._say:
            self._say = time.monotonic() + AGAIN
            log.warning(
                "no room for more connections: new ones are answered 503; allow more open files (ulimit -n)",
                extra={"fields": {"connections": connections, "descriptor": descriptor}},
            )
        return True


def spare(app: Any) -> Any:
    """`app` for a connection that there is no room for: requests are marked so, and the first answer is its last."""

    async def marked(scope: Any, receive: Any, send: Any) -> None:
        whole = False

        async def reading() -> Any:
            nonlocal whole
            message = await receive()
            whole = not message.get("more_body", False)
            return message

        async def closing(message: Any) -> None:
            if message["type"] == "http.response.start":
                with suppress(TimeoutError):
                    async with asyncio.timeout(UNREAD):
                        while not whole:
                            await reading()
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        scope[NO_ROOM] = True
        await app(scope, reading, closing)

    return marked
