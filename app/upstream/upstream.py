"""One configured server as the rest of the gateway sees it: its state, its catalog, and a lease on a session.

Holds state and wakes who waits for it; opens and closes nothing (that is `supervisor.py`). The last good catalog stays
through every failure (DESIGN.md rule 8).
"""

import logging
import time
from collections.abc import Callable
from enum import Enum

import anyio
import msgspec

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Members, ServerCatalog
from app.upstream.errors import UpstreamError
from app.upstream.pool import Lease, Pool
from app.upstream.stderr_log import StderrLog

log = logging.getLogger("app.upstream")

# How long a call waits for a server that is known to be in trouble and is being started again.
PATIENCE = 2.0


class State(Enum):
    """STARTING: being opened and listed. READY: serves. BACKOFF: failed, will be started again. STOPPED: for good."""

    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"
    STOPPED = "stopped"


class Upstream:
    """See the module. Listeners are called after each change of state or catalog, synchronously, with the upstream."""

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        self.state = State.STARTING
        self.since = time.time()
        """When the state began: seconds since the epoch."""
        self.fault: Fault | None = None
        """What is wrong, in public words; None while nothing is."""
        self.catalog: ServerCatalog | None = None
        self.version = 0
        """Raised at each change of the catalog."""
        self.stderr = StderrLog(spec.name, time.monotonic)
        self.stop_requested = anyio.Event()
        self.stopped = anyio.Event()
        self.relist_wanted = anyio.Event()
        self.listed_at = 0.0
        self._asked_at = 0.0
        self._pool: Pool | None = None
        self._retry_at = 0.0
        self._changed = anyio.Event()
        self._listeners: list[Callable[[Upstream], None]] = []

    def __repr__(self) -> str:
        return f"<Upstream {self.spec.name} {self.state.value} version={self.version} {self._pool!r}>"

    @property
    def reason(self) -> str:
        """Why the server is not READY, in public words; empty while nothing is wrong."""
        return self.fault.message if self.fault else ""

    @property
    def capabilities(self) -> Members:
        return self.catalog.capabilities if self.catalog else {}

    @property
    def instructions(self) -> str:
        return self.catalog.instructions if self.catalog else ""

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        """The last lines a stdio server wrote on stderr, oldest first; for logs and `doctor` alone."""
        return self.stderr.tail

    def add_listener(self, listener: Callable[["Upstream"], None]) -> Callable[[], None]:
        """Returns what removes it again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def acquire_nowait(self, era: Era, key: str = "") -> Lease | None:
        """A lease if one can be had at once. `key` names the client or session where the pool mode separates them."""
        return self._pool.ready(era, key) if self._pool else None

    async def acquire(self, era: Era, key: str = "") -> Lease:
        """A lease, waiting while the server starts or a session opens. Raises `UpstreamError` naming the server."""
        while True:
            if self._pool:
                return await self._pool.acquire(era, key)
            if self.state is not State.STARTING:
                raise UpstreamError(self._unavailable())
            # A first start may take its time; after a failure the odds are against it.
            with anyio.move_on_after(PATIENCE if self.fault else None) as patience:
                await self._changed.wait()
            if patience.cancelled_caught:
                raise UpstreamError(self._unavailable())

    @property
    def unlisted(self) -> bool:
        """Whether a first catalog may still come: the server is starting and nobody knows what it has."""
        return self.catalog is None and self.state is State.STARTING

    def patience(self, seconds: float) -> float:
        """What is left of `seconds` since somebody first asked for the catalog.

        So a server that hangs in its start delays the lists that are asked for first, and none that comes later.
        """
        now = time.monotonic()
        self._asked_at = self._asked_at or now
        return max(0.0, self._asked_at + seconds - now)

    async def wait_listed(self, timeout: float) -> bool:
        """Wait for a first catalog, at most `timeout` seconds and only while the server starts; whether it is there."""
        with anyio.move_on_after(timeout):
            while self.unlisted:
                await self._changed.wait()
        return self.catalog is not None

    def refresh_if_older_than(self, seconds: float) -> None:
        """For remote servers, which may have no change feed: list again in the background what was listed long ago."""
        if self.spec.remote and self._pool and time.monotonic() - self.listed_at > seconds:
            self.listed_at = time.monotonic()
            self.relist_wanted.set()

    # For the supervisor.

    def enter(
        self, state: State, fault: Fault | None = None, *, pool: Pool | None = None, retry_in: float = 0.0
    ) -> None:
        """Change state; every change is one line in the log."""
        self.state, self.since, self.fault, self._pool = state, time.time(), fault, pool
        self._retry_at = time.monotonic() + retry_in
        level = logging.WARNING if state is State.BACKOFF else logging.INFO
        reason = f" reason={fault.message!r}" if fault else ""
        again = f" retry_in={retry_in:.1f}s" if retry_in else ""
        log.log(level, "server=%s state=%s%s%s", self.spec.name, state.value, reason, again)
        self._tell()

    def detach(self) -> None:
        """The sessions are ending: no lease from here on, and who asks for one waits for what follows."""
        if self._pool:
            self._pool = None
            self.state = State.STARTING

    def publish(self, catalog: ServerCatalog) -> None:
        """A whole listing came in: it replaces the catalog, and the version rises if anything differs."""
        self.listed_at = time.monotonic()
        if self.catalog is None or msgspec.json.encode(catalog) != msgspec.json.encode(self.catalog):
            self.catalog = catalog
            self.version += 1
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        for listener in list(self._listeners):
            listener(self)

    def _unavailable(self) -> Fault:
        name = self.spec.name
        if self.state is State.STOPPED:
            return Fault(Kind.CLOSED, f"Server '{name}' was stopped.", server=name)
        wait = max(0.0, self._retry_at - time.monotonic()) if self.state is State.BACKOFF else 1.0
        why = self.reason or f"Server '{name}' is not ready."
        return Fault(Kind.UNREACHABLE, f"{why} It is being started again.", server=name, retry_after=round(wait, 1))
