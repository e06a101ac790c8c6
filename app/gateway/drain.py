"""How everything that lasts learns that the process is about to stop (DESIGN.md rule 14, RELIABILITY.md F20, F21).

The worker calls `begin` on SIGTERM; streams wait for it and end themselves well before the server's deadline, so
that calls in flight are answered and no connection has to be cut. Knows no signal and no server.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Drain:
    """Begins once, never ends. Used on one event loop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._calls: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Drain {'begun' if self.begun else 'not begun'}, {len(self._calls)} calls>"

    @property
    def begun(self) -> bool:
        """Once true, no new stream may be opened."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Idempotent. Must be called on the loop: from a signal handler by `call_soon_threadsafe`."""
        if self.begun:
            return
        self._begun.set()
        for call in tuple(self._calls):
            call()

    async def wait(self) -> None:
        """Returns when it begins."""
        await self._begun.wait()

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Generator[None]:
        """`call` is made when it begins, at once if it has; not after the `with` block."""
        if self.begun:
            call()
        self._calls.append(call)
        try:
            yield
        finally:
            self._calls.remove(call)


DRAIN = Drain()
"""The process's own: a process stops once, as a whole."""
