"""The tasks of one HTTP session: one owner, and under it one task for each message on its way.

No message waits for another, with one exception: what follows `notifications/initialized` waits until that one is
taken, since servers refuse what overtakes it. Knows no HTTP; an exchange that raises is a bug and ends the group.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio

from app.upstream.transport import Outgoing

INITIALIZED = "notifications/initialized"
# A server that never takes it must not hold up the rest for ever.
GATE_LIMIT = 5.0
CLOSE_GRACE = 1.0

StartSoon = Callable[[Callable[[], Coroutine[Any, Any, None]]], object]


class _StoppedError(Exception):
    """Ends the group."""


class Posts:
    """`exchange` sees to one message, its failure included. Everything runs between `open` and `close`."""

    def __init__(self, exchange: Callable[[Outgoing], Awaitable[None]]) -> None:
        self._exchange = exchange
        self._group: asyncio.TaskGroup | None = None
        self._awaited: dict[int, asyncio.Task[None]] = {}
        self._gate: asyncio.Event | None = None
        self._started, self._stopped, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def __repr__(self) -> str:
        return f"<Posts awaited={len(self._awaited)}{'' if self._group else ' stopped'}>"

    async def open(self, start_soon: StartSoon) -> None:
        """Start the owner through `start_soon`, in a group that outlives `close`."""
        start_soon(self._own)
        await self._started.wait()

    def send(self, message: Outgoing) -> bool:
        """Start on a message; False once stopped."""
        if message.method == INITIALIZED:
            self._gate = asyncio.Event()
        task = self.spawn(self._post(message, self._gate))
        if task is None:
            return False
        if message.id is not None:
            self._awaited[message.id] = task
        return True

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Something else to do for as long as the session lasts; None once stopped."""
        if self._group is None:
            work.close()
            return None
        return self._group.create_task(work)

    def abandon(self, request_id: int) -> None:
        task = self._awaited.pop(request_id, None)
        if task:
            task.cancel()

    async def settled(self, seconds: float) -> None:
        """Wait until no answer is awaited, at most so long."""
        if self._awaited:
            await asyncio.wait(list(self._awaited.values()), timeout=seconds)

    def stop(self) -> None:
        """Cancel everything under way, soon."""
        self._group = None
        self._stopped.set()

    async def close(self) -> None:
        """Stop, and wait until all is cancelled (bounded). Also where `open` was never reached."""
        self.stop()
        if self._started.is_set():
            with anyio.move_on_after(CLOSE_GRACE):
                await self._ended.wait()

    async def _own(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._started.set()
                await self._stopped.wait()
                raise _StoppedError
        except* _StoppedError:
            pass
        finally:
            self._group = None
            self._ended.set()

    async def _post(self, message: Outgoing, gate: asyncio.Event | None) -> None:
        try:
            if gate and message.method != INITIALIZED:
                with anyio.move_on_after(GATE_LIMIT):
                    await gate.wait()
            await self._exchange(message)
        finally:
            if message.id is not None:
                self._awaited.pop(message.id, None)
            elif gate and message.method == INITIALIZED:
                gate.set()
                self._gate = None
