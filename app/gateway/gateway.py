"""The gateway's state and its life: the current generation, the sessions, and the task group everything lives in.

Opened by the app's lifespan and closed by it. Holds no HTTP: `downstream` translates.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from app.config.keys import Keyring
from app.config.settings import Settings
from app.config.snapshot import Snapshot
from app.gateway.broadcast import STALE, Broadcast, End
from app.gateway.drain import DRAIN, Drain
from app.gateway.driver import Driver
from app.gateway.generation import Generation
from app.gateway.sessions import SessionTable
from app.protocol.faults import Fault, Kind
from app.relay.events import Expired
from app.relay.policy import Grant
from app.relay.view import View
from app.upstream.registry import UpstreamRegistry

log = logging.getLogger("app.gateway")

# What a list waits for a server that is still starting; with the gateway's own start it is below 3 s.
LIST_WAIT = 1.75
SWEEP = 60.0
# After this, calls in flight at a stop are told: with the 3 s that a stubborn server takes, all is over within 6 s.
DRAIN_CALLS = 2.4
STOPPING = Fault(Kind.CLOSED, "The gateway is stopping; the outcome of the call is unknown.", retry_after=2.0)


class Gateway:
    """`current` is what new requests enter; swapping it is one assignment.

    `drain` tells of the stop. `adopt_orphans` makes the process their subreaper: only where it has no other children.
    """

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        keyring: Keyring,
        *,
        drain: Drain = DRAIN,
        adopt_orphans: bool = True,
    ) -> None:
        self.settings = settings
        self.sessions = SessionTable(asyncio.get_running_loop().time)
        self.drivers: set[Driver] = set()
        self.broadcast = Broadcast(self._view)
        self.drain = drain
        self._adopt_orphans = adopt_orphans
        self._snapshot = snapshot
        self._keyring = keyring

    def __repr__(self) -> str:
        return f"<Gateway {self.current!r} {len(self.drivers)} calls {self.sessions!r}>"

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Gateway"]:
        """Start every server at once and serve meanwhile; on leaving, end them all."""
        async with asyncio.TaskGroup() as tasks, anyio.create_task_group() as servers:
            self.tasks = tasks
            registry = UpstreamRegistry(
                servers, data_directory=self._data_directory(), adopt_orphans=self._adopt_orphans
            )
            upstreams = {spec.name: registry.provision(spec) for spec in self._snapshot.servers}
            self.current = Generation(self._snapshot, self._keyring, upstreams)
            self.broadcast.watch(upstreams.values())
            work = (self._sweep(), self._drain(registry), self.broadcast.run())
            housekeeping = [tasks.create_task(task) for task in work]
            try:
                yield self
            finally:
                for task in housekeeping:
                    task.cancel()
                await registry.aclose()
                servers.cancel_scope.cancel()

    async def listed(self, view: View) -> None:
        """Wait until every server in `view` has been listed once or has failed to start, while that is worth it."""
        upstreams = [self.current.upstreams[source.server] for source in view.sources]
        for upstream in upstreams:
            upstream.refresh_if_older_than(STALE)
        waits = [(upstream, upstream.patience(LIST_WAIT)) for upstream in upstreams if upstream.unlisted]
        tasks = [self.tasks.create_task(upstream.wait_listed(left)) for upstream, left in waits if left]
        if tasks:
            await asyncio.wait(tasks)

    def _view(self, grant: Grant, only: str) -> View:
        return self.current.view(grant, only)

    def _data_directory(self) -> Path | None:
        directory = Path(self.settings.data_dir)
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return None
        return directory if os.access(directory, os.W_OK) else None

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.sessions.expire()

    async def _drain(self, registry: UpstreamRegistry) -> None:
        """From the first moment of a stop: end streams and the servers that nobody waits for, then tell who waits."""
        await self.drain.wait()
        self.broadcast.end(End.DRAINED)
        busy = {driver.server for driver in self.drivers}
        for name, upstream in self.current.upstreams.items():
            if name not in busy:
                self.tasks.create_task(registry.retire(upstream))
        await asyncio.sleep(DRAIN_CALLS)
        for driver in list(self.drivers):
            driver.inbox.put(Expired(STOPPING))
