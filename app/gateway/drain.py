"""How everything that lasts learns that the process is about to stop (DESIGN.md rule 14, RELIABILITY.md F20, F21).

The worker calls `begin` on SIGTERM; streams wait for it and end themselves well before the server's deadline, so
that calls in flight are answered and no connection has to be cut. Knows no signal and no server.
"""

import asyncio


class Drain:
    """Begins once, never ends. Used on one event loop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Drain {'begun' if self.begun else 'not begun'}>"

    @property
    def begun(self) -> bool:
        """Once true, no new stream may be opened."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Idempotent. Must be called on the loop: from a signal handler by `call_soon_threadsafe`."""
        self._begun.set()

    async def wait(self) -> None:
        """Returns when it begins."""
        await self._begun.wait()


DRAIN = Drain()
"""The process's own: a process stops once, as a whole."""
