"""The gateway's state and its life: the current generation, the sessions, and the task group everything lives in.

Opened by the app's lifespan and closed by it. Holds no HTTP: `downstream` translates.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path

import anyio

from app.config.keyring import Keyring
from app.config.settings import Settings
from app.config.snapshot import Snapshot
from app.gateway.broadcast import STALE, Broadcast
from app.gateway.drain import DRAIN, Drain
from app.gateway.driver import Driver
from app.gateway.edits import Edits
from app.gateway.generation import LOOK, Generation
from app.gateway.parking import Parking
from app.gateway.sealing import Sealing, state_key
from app.gateway.sessions import SessionTable
from app.gateway.subscription import End
from app.gateway.tasks_made import TasksMade
from app.gateway.watching import Watching
from app.protocol.faults import Fault, Kind
from app.relay.continuation import LIFETIME, Continuations
from app.relay.policy import Grant
from app.relay.tasks import TaskIds
from app.relay.view import View
from app.upstream.registry import UpstreamRegistry
from app.upstream.upstream import Upstream

log = logging.getLogger("app.gateway")

# What a list waits for a server that is still starting. One that is asked for while the gateway itself starts is
# answered by so many seconds from the command: nobody waits 3 s for the first list because one server hangs.
LIST_WAIT = 2.0
FIRST_LIST = 2.6
SWEEP = 60.0
# After this, calls in flight at a stop are told: with the 3 s that a stubborn server takes, all is over within 6 s.
DRAIN_CALLS = 2.4
# How long calls in flight may take on a server that a reload took away or replaced.
RETIRE_CALLS = 30.0
REMOVED = Fault(Kind.CLOSED, "The config was changed and the server stopped.")
STOPPING = Fault(Kind.CLOSED, "The gateway is stopping.", retry_after=2.0)


class Gateway:
    """`current` is what new requests enter; swapping it is one assignment.

    `drain` tells of the stop; `launched` is when the command was given, on the machine's monotonic clock.
    `adopt_orphans` makes the process their subreaper: only where it has no other children.
    """

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        keyring: Keyring,
        *,
        drain: Drain = DRAIN,
        launched: float = 0.0,
        adopt_orphans: bool = True,
    ) -> None:
        self.settings = settings
        self.sessions = SessionTable(asyncio.get_running_loop().time)
        self.drivers: set[Driver] = set()
        self.parking = Parking()
        self.tasks_made = TasksMade()
        self.edits = Edits()
        self.broadcast = Broadcast(self._view)
        self.watching = Watching(lambda: self.current.upstreams, self.own)
        self.drain = drain
        self._launched = launched
        self._adopt_orphans = adopt_orphans
        self._left = asyncio.Event()
        self._owned: set[asyncio.Task[None]] = set()
        self._snapshot = snapshot
        self._keyring = keyring

    def __repr__(self) -> str:
        return f"<Gateway {self.current!r} {len(self.drivers)} calls {self.sessions!r}>"

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Gateway"]:
        """Start every server at once and serve meanwhile; on leaving, end them all."""
        async with asyncio.TaskGroup() as tasks, anyio.create_task_group() as servers:
            self.tasks = tasks
            data = self._data_directory()
            sealing = Sealing(state_key(data))
            self.continuations = Continuations(sealing.seal, sealing.unseal, time.time)
            self.task_ids = TaskIds(sealing.seal_name, sealing.unseal)
            self.registry = UpstreamRegistry(servers, data_directory=data, adopt_orphans=self._adopt_orphans)
            upstreams = {spec.name: self.registry.provision(spec) for spec in self._snapshot.servers}
            self.current = Generation(self._snapshot, self._keyring, upstreams)
            self.broadcast.watch(upstreams.values())
            for work in (self._sweep(), self._drain(), self.broadcast.run()):
                self.own(work)
            try:
                yield self
            finally:
                for task in self._owned:
                    task.cancel()
                await self.registry.aclose()
                servers.cancel_scope.cancel()

    def swap(self, generation: Generation) -> None:
        """`generation` is the current one from here on; who listens hears of what it changes in their lists.

        Calls that still wait for a server that it does not have go to the one that has its name now.
        """
        former, self.current = self.current, generation
        generation.follow(former)
        for driver in list(self.drivers):
            successor = generation.upstreams.get(driver.upstream.spec.name)
            if driver.waiting and successor is not driver.upstream:
                if successor is None:
                    driver.expire(REMOVED)
                else:
                    driver.move(successor)
        self.broadcast.watch(generation.upstreams.values())
        self.watching.swapped()

    def own(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside the requests; at the end of the gateway it is cancelled."""

        def ended(task: asyncio.Task[None]) -> None:
            self._owned.discard(task)
            work.close()  # where it was cancelled before it began

        task = self.tasks.create_task(_alone(work))
        self._owned.add(task)
        task.add_done_callback(ended)

    def over(self, driver: Driver) -> None:
        """A call has ended."""
        self.drivers.discard(driver)
        self._left.set()

    def parked(self) -> None:
        """A call waits for its client from here on."""
        self._left.set()

    async def retire(self, upstream: Upstream) -> None:
        """Stop a server that is in no generation any more, once its calls are over, or have had `RETIRE_CALLS` s.

        Those that wait for their clients have the time that such calls have, where the server was replaced: their
        clients find it by its name.
        """
        replaced = upstream.spec.name in self.current.upstreams
        await self._settled(lambda: [driver for driver in self._calls(upstream) if not driver.parked], RETIRE_CALLS)
        for driver in self._calls(upstream):
            if not driver.parked or not replaced:
                driver.expire(REMOVED)
        await self._settled(lambda: self._calls(upstream), LIFETIME)
        for driver in self._calls(upstream):
            driver.expire(REMOVED)
        await self.registry.retire(upstream)

    def _calls(self, upstream: Upstream) -> list[Driver]:
        return [driver for driver in self.drivers if driver.upstream is upstream]

    async def _settled(self, calls: Callable[[], list[Driver]], seconds: float) -> None:
        """Wait until none of these calls is left, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while calls():
                    self._left.clear()
                    await self._left.wait()

    async def listed(self, view: View) -> None:
        """Wait until every server in `view` has been listed once or has failed to start, while that is worth it."""
        now, generation = time.monotonic(), self.current
        if now - generation.looked_at.get(view, -inf) < LOOK:
            return
        current = generation.upstreams
        upstreams = [current[source.server] for source in view.sources if source.server in current]
        for upstream in upstreams:
            upstream.refresh_if_older_than(STALE)
        wait = list_wait(self._launched, now)
        waits = [(upstream, upstream.patience(wait)) for upstream in upstreams if upstream.unlisted]
        if not waits:
            generation.looked_at[view] = now
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

    async def _drain(self) -> None:
        """From the first moment of a stop: end streams and the servers that nobody waits for, then tell who waits."""
        await self.drain.wait()
        self.broadcast.end(End.DRAINED)
        busy = {id(driver.upstream) for driver in self.drivers if not driver.parked}
        for upstream in self.registry.running:
            if id(upstream) not in busy:
                self.own(self.registry.retire(upstream))
        await asyncio.sleep(DRAIN_CALLS)
        for driver in list(self.drivers):
            driver.expire(STOPPING)


async def _alone(work: Coroutine[None, None, None]) -> None:
    """A boundary: a bug met with one thing must not end all there is in the group, which is every server."""
    try:
        await work
    except Exception:
        log.exception("what was done beside the requests failed")


def list_wait(launched: float, now: float) -> float:
    """Seconds that a list asked for now waits for servers that are starting."""
    left = launched + FIRST_LIST - now
    return left if 0.5 <= left < LIST_WAIT else LIST_WAIT
