"""A `Gateway` inside the test's own process, over real servers: the workbench, once per name.

For unit tests of what stands on a gateway; whole programs are tested through `tests.support.gateway`.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from app.config.compile import read_snapshot
from app.config.keyring import Keyring
from app.config.settings import Settings
from app.config.snapshot import Notice, Snapshot
from app.gateway.drain import Drain
from app.gateway.gateway import Gateway
from app.upstream.upstream import State, Upstream

PATIENCE = 30.0
Thing = TypeVar("Thing")


def snapshot_of(servers: dict[str, Any]) -> Snapshot:
    """A config file of these entries, compiled."""
    found = read_snapshot(json.dumps({"mcpServers": servers}).encode(), "mcp_config.json", {})
    assert not isinstance(found, Notice), found
    return found


@asynccontextmanager
async def open_house(
    folder: Path, servers: dict[str, Any], *, keyring: Keyring | None = None, wait: bool = True
) -> AsyncIterator[Gateway]:
    """A running gateway; with `wait`, once each server that starts is listed."""
    settings = Settings(data_dir=str(folder / "data"))
    gateway = Gateway(settings, snapshot_of(servers), keyring or Keyring(), drain=Drain(), adopt_orphans=False)
    try:
        async with gateway.running():
            if wait:
                for upstream in gateway.current.upstreams.values():
                    await eventually(upstream, lambda: upstream.catalog is not None and upstream.state is State.READY)  # noqa: B023
            yield gateway
    finally:
        gc.unfreeze()  # a worker keeps what it once built; a test process must not


async def eventually(upstream: Upstream, happened: Callable[[], bool]) -> None:
    """Returns once a change of this server made `happened` true."""
    changed = asyncio.Event()
    remove = upstream.add_listener(lambda _: changed.set())
    try:
        async with asyncio.timeout(PATIENCE):
            while not happened():
                changed.clear()
                await changed.wait()
    finally:
        remove()


@asynccontextmanager
async def owned(thing: AbstractAsyncContextManager[Thing]) -> AsyncIterator[Thing]:
    """`thing`, entered and left by one task of its own, as fixtures need it: theirs begin and end in two."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[Thing] = loop.create_future()
    leave = asyncio.Event()

    async def own() -> None:
        async with thing as found:
            ready.set_result(found)
            await leave.wait()

    async with asyncio.TaskGroup() as owner:
        owner.create_task(own())
        async with asyncio.timeout(PATIENCE):
            found = await ready
        try:
            yield found
        finally:
            leave.set()
