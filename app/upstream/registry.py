"""All upstreams that run: what starts them, and what ends them in time.

The only maker of supervisors and transports. Owned by the gateway, which lends it a task group and calls `aclose`.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from app.config.snapshot import ServerSpec
from app.protocol.versions import Era
from app.upstream.catalogs import Catalogs
from app.upstream.opening import TransportFactory, Wire
from app.upstream.process_tree import Household, become_subreaper
from app.upstream.stdio import StdioTransport
from app.upstream.supervisor import Supervisor
from app.upstream.transport import Transport
from app.upstream.upstream import State, Upstream
from app.upstream.verdicts import Verdicts

if TYPE_CHECKING:
    from app.upstream.http_client import HttpClient

log = logging.getLogger("app.upstream")

# Below the time gunicorn gives a worker: a stubborn child takes 2 + 1 s, all of them in parallel.
CLOSE_LIMIT = 5.0
# How often the descendants of stdio children are noted, so that they are known when their parents are gone.
HOUSEKEEPING = 10.0


class UpstreamRegistry:
    """`data_directory` None keeps no era verdicts and no catalogs; children inherit the allowed part of `environment`.

    `adopt_orphans` makes this process a subreaper, which a program that starts other children must not be.
    """

    def __init__(
        self,
        task_group: anyio.abc.TaskGroup,
        *,
        data_directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        adopt_orphans: bool = False,
        transports: TransportFactory | None = None,
    ) -> None:
        self._tasks = task_group
        self._environment = dict(os.environ if environment is None else environment)
        self._household = Household(adopts=adopt_orphans and become_subreaper())
        self._verdicts = Verdicts(data_directory)
        self._catalogs = Catalogs(data_directory)
        self._transports = transports
        self._http: HttpClient | None = None
        self._running: dict[int, Upstream] = {}
        self._housekeeping: anyio.CancelScope | None = None

    def __repr__(self) -> str:
        return f"<UpstreamRegistry {list(self._running.values())}>"

    @property
    def running(self) -> list[Upstream]:
        """All that have not stopped, those that drain included."""
        return list(self._running.values())

    def provision(self, spec: ServerSpec) -> Upstream:
        """Start a server; returns at once, and all that are provisioned start in parallel.

        With `pool: one` it starts once those of its name have ended, which whoever provisions it retires.
        """
        before = [one for one in self.running if one.spec.name == spec.name and "one" in (one.spec.pool, spec.pool)]
        upstream = Upstream(spec)

        def for_wire(spec: ServerSpec, wire: Wire, era: Era) -> Transport:
            make = self._transports or self._transport
            return make(spec, wire, era) if wire != "stdio" else self._stdio(spec, upstream)

        supervisor = Supervisor(upstream, for_wire, self._verdicts, self._catalogs, after=before)
        self._running[id(upstream)] = upstream
        self._tasks.start_soon(self._supervise, supervisor, upstream)
        if not spec.remote:
            upstream.add_listener(self._meet)
        if not spec.remote and self._housekeeping is None:
            self._housekeeping = anyio.CancelScope()
            self._tasks.start_soon(self._keep_house, self._housekeeping)
        return upstream

    async def retire(self, upstream: Upstream) -> None:
        """Stop a server and wait until its processes and sessions are gone. Whoever drains it does so before."""
        upstream.stop_requested.set()
        await upstream.stopped.wait()

    async def aclose(self) -> None:
        """Stop all of them at once; returns within `CLOSE_LIMIT`, come what may."""
        if self._housekeeping:
            self._housekeeping.cancel()
        with anyio.move_on_after(CLOSE_LIMIT, shield=True) as limit:
            async with anyio.create_task_group() as retiring:
                for upstream in list(self._running.values()):
                    retiring.start_soon(self.retire, upstream)
            if self._http:
                await self._http.close()
        if limit.cancelled_caught:
            log.warning("still running after %g s: %s", CLOSE_LIMIT, [u.spec.name for u in self._running.values()])

    async def _supervise(self, supervisor: Supervisor, upstream: Upstream) -> None:
        try:
            await supervisor.run()
        finally:
            del self._running[id(upstream)]

    def _meet(self, upstream: Upstream) -> None:
        """What a server has started by the time it is ready is known also if it crashes soon after."""
        if upstream.state is State.READY:
            self._household.note()

    async def _keep_house(self, scope: anyio.CancelScope) -> None:
        with scope:
            while True:
                await anyio.sleep(HOUSEKEEPING)
                self._household.note()

    def _stdio(self, spec: ServerSpec, upstream: Upstream) -> Transport:
        return StdioTransport(spec, upstream.stderr, self._household, self._environment, lambda: upstream.spec.limits)

    def _transport(self, spec: ServerSpec, wire: Wire, era: Era) -> Transport:
        def start_soon(owner: Callable[[], Awaitable[None]]) -> None:
            self._tasks.start_soon(_own, owner)

        # Imported when first needed: a config of stdio servers alone does without the HTTP client's memory.
        if self._http is None:
            from app.upstream.http_client import HttpClient

            self._http = HttpClient(self._environment)
        if wire == "sse":
            from app.upstream.sse import SseTransport

            return SseTransport(spec, start_soon, self._http)
        from app.upstream.streamable_http import StreamableHttpTransport

        return StreamableHttpTransport(spec, era, start_soon, self._http)


async def _own(owner: Callable[[], Awaitable[None]]) -> None:
    try:
        await owner()
    except Exception:
        # The boundary of an HTTP wire's pump: a bug in one must not end the others.
        log.exception("a transport's owner task failed")
