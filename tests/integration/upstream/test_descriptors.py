"""No descriptor of a child's pipe is closed twice: by the second time its number may be a client's connection.

Whoever closes that makes two connections share a number, and an answer reaches the wrong one of them. uvloop's loop
closes a pipe it was given and then the file object it came as, and a file object closes once more when it is collected.
"""

import asyncio
import gc
import io
import os
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

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


async def test_a_pipe_that_ends_is_closed_by_its_transport_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between libuv's close and the file object's a thread may open a file, and get that number."""
    loop, pipes = asyncio.get_running_loop(), list[io.FileIO]()
    for name in ("connect_read_pipe", "connect_write_pipe"):
        monkeypatch.setattr(loop, name, partial(noted, pipes, getattr(loop, name)))
    wire = StdioTransport(wayward(), StderrLog("wayward", lambda: 0.0))
    await wire.open(Deaf())
    descriptors = [pipe.fileno() for pipe in pipes]
    assert len(set(descriptors)) == 3
    assert not any(pipe.closefd for pipe in pipes)
    await wire.close()
    await asyncio.sleep(0)
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


async def noted(
    pipes: list[io.FileIO], connect: Callable[[object, io.FileIO], Awaitable[object]], factory: object, pipe: io.FileIO
) -> object:
    pipes.append(pipe)
    return await connect(factory, pipe)
