"""All upstreams that run: what starts them, and what ends them in time.

The only maker of supervisors and transports. Owned by the gateway, which lends it a task group and calls `aclose`.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.abc

from app.config.snapshot import ServerSpec
from app.protocol.versions import Era
from app.upstream.opening import TransportFactory, Wire
from app.upstream.process_tree import Household, become_subreaper
from app.upstream.stdio import StdioTransport
from app.upstream.supervisor import Supervisor
from app.upstream.transport import Transport
from app.upstream.upstream import Upstream
from app.upstream.verdicts import Verdicts

log = logging.getLogger("app.upstream")

# Below the time gunicorn gives a worker: a stubborn child takes 2 + 1 s, all of them in parallel.
CLOSE_LIMIT = 5.0


class UpstreamRegistry:
    """`data_directory` None keeps no era verdicts; `environment` is what children inherit their allowed part from.

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
        self._transports = transports
        self._running: dict[int, Upstream] = {}

    def __repr__(self) -> str:
        return f"<UpstreamRegistry {list(self._running.values())}>"

    def provision(self, spec: ServerSpec) -> Upstream:
        """Start a server; returns at once, and all that are provisioned start in parallel."""
        upstream = Upstream(spec)

        def for_wire(spec: ServerSpec, wire: Wire, era: Era) -> Transport:
            if self._transports:
                return self._transports(spec, wire, era)
            return self._transport(upstream, spec, wire, era)

        supervisor = Supervisor(upstream, for_wire, self._verdicts)
        self._running[id(upstream)] = upstream
        self._tasks.start_soon(self._supervise, supervisor, upstream)
        return upstream

    async def retire(self, upstream: Upstream) -> None:
        """Stop a server and wait until its processes and sessions are gone. Whoever drains it does so before."""
        upstream.stop_requested.set()
        await upstream.stopped.wait()

    async def aclose(self) -> None:
        """Stop all of them at once; returns within `CLOSE_LIMIT`, come what may."""
        with anyio.move_on_after(CLOSE_LIMIT, shield=True) as limit:
            async with anyio.create_task_group() as retiring:
                for upstream in list(self._running.values()):
                    retiring.start_soon(self.retire, upstream)
        if limit.cancelled_caught:
            log.warning("still running after %g s: %s", CLOSE_LIMIT, [u.spec.name for u in self._running.values()])

    async def _supervise(self, supervisor: Supervisor, upstream: Upstream) -> None:
        try:
            await supervisor.run()
        finally:
            del self._running[id(upstream)]

    def _transport(self, upstream: Upstream, spec: ServerSpec, wire: Wire, era: Era) -> Transport:
        match wire:
            case "stdio":
                return StdioTransport(spec, upstream.stderr, self._household, self._environment)
            case "http":
                from app.upstream.streamable_http import StreamableHttpTransport

                return StreamableHttpTransport(spec, era)
            case "sse":
                from app.upstream.sse import SseTransport

                return SseTransport(spec)
