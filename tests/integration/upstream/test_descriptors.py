"""No descriptor of a child's pipe is closed twice: by the second time its number may be a client's connection.

Whoever closes that makes two connections share a number, and an answer reaches the wrong one of them. uvloop's loop
closes a pipe it was given and then the file object it came as, and a file object closes once more when it is collected.
"""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

from app.upstream.child import PipeEnd
from app.upstream.stderr_log import StderrLog
from app.upstream.stdio import StdioTransport
from tests.support.upstreams import wayward


class Deaf:
    """A `Receiver` that nobody asks."""

    def received(self, message: bytes, origin: int | None = None) -> None: ...
    def failed(self, request_id: int | None, fault: object) -> None: ...
    def lost(self, fault: object) -> None: ...
    def closed(self, fault: object) -> None: ...


@pytest.mark.parametrize("turns", [1, 2, 3, 4])
async def test_a_start_that_is_given_up_leaves_the_descriptors_of_others_alone(turns: int) -> None:
    wire = StdioTransport(wayward(), StderrLog("wayward", lambda: 0.0))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wire.open, Deaf())
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks.cancel_scope.cancel()
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(16)]
    await wire.close()
    del wire
    gc.collect()
    for other in others:
        os.close(other)  # raises where somebody else has


async def test_a_pipe_that_has_ended_leaves_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between libuv's close and the file object's a thread may open a file, and get that number."""
    loop, pipes = asyncio.get_running_loop(), list[PipeEnd]()
    for name in ("connect_read_pipe", "connect_write_pipe"):
        monkeypatch.setattr(loop, name, partial(noted, pipes, getattr(loop, name)))
    wire = StdioTransport(wayward(), StderrLog("wayward", lambda: 0.0))
    await wire.open(Deaf())
    numbers = {pipe.fileno() for pipe in pipes}
    assert len(numbers) == 3
    await wire.close()
    await asyncio.sleep(0)
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(16)]
    assert numbers <= {*others}, "they were closed"
    for pipe in pipes:
        pipe.close()
    for other in others:
        os.close(other)


async def noted(
    pipes: list[PipeEnd], connect: Callable[[object, PipeEnd], Awaitable[object]], factory: object, pipe: PipeEnd
) -> object:
    pipes.append(pipe)
    return await connect(factory, pipe)
