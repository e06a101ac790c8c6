"""Which listing of a server becomes its catalog: the last good one, never a failure and never a sudden nothing.

Asks no server; told what was listed or that it failed. Theory of operation: a server that listed tools and now lists
none is suspect (it came up before its own backend did, say): what it had stays listed, the server is DEGRADED, and the
empty list is believed when a later listing, `CONFIRM_AFTER` seconds on, is as empty (DESIGN.md rule 8).
"""

import logging
import random
import time
from collections.abc import Callable

import anyio.to_thread

from app.config.identity import identity
from app.protocol.faults import Fault, Kind
from app.relay.catalog import ServerCatalog
from app.upstream.catalogs import Catalogs
from app.upstream.errors import UpstreamError
from app.upstream.upstream import LISTING, Upstream

log = logging.getLogger("app.upstream")

CONFIRM_AFTER = 30.0
# Pause after a listing that failed: doubled at each further one, and up to a quarter longer at random.
RETRY_AFTER = 5.0
LAST_RETRY = 300.0
# Why a server is DEGRADED, one reason a topic.
TOPIC = LISTING


class Keeper:
    """One server's catalog over all its lives."""

    def __init__(
        self,
        upstream: Upstream,
        catalogs: Catalogs,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._upstream = upstream
        self._catalogs = catalogs
        self._identity = identity(upstream.spec)
        self._clock = clock
        self._suspected_at: float | None = None
        self._jitter = jitter
        self._failures = 0
        self._retry_in = 0.0

    def __repr__(self) -> str:
        return f"<Keeper {self._upstream.spec.name}{' suspects' if self._suspected_at is not None else ''}>"

    def recall(self) -> None:
        """Before the first start: list what the server had when the gateway ran last."""
        kept = self._catalogs.get(self._upstream.spec.name, self._identity)
        if kept is not None:
            self._upstream.recall(kept)

    async def listed(self, catalog: ServerCatalog) -> None:
        """A whole listing came in."""
        self._failures = 0
        upstream, now = self._upstream, self._clock()
        if upstream.catalog and _vanished(upstream.catalog, catalog):
            if self._suspected_at is None:
                self._suspected_at = now
            if now - self._suspected_at < CONFIRM_AFTER:
                upstream.listed_at = time.monotonic()
                upstream.mark(TOPIC, self._fault("suddenly lists nothing; what it listed before stays"))
                return
            log.warning("server=%s still lists nothing, which now counts", upstream.spec.name)
        self._suspected_at = None
        upstream.mark(TOPIC, None)
        if upstream.publish(catalog):
            await anyio.to_thread.run_sync(self._catalogs.put, upstream.spec.name, self._identity, catalog)

    def failed(self, error: UpstreamError) -> None:
        """A listing failed: what was listed before stays."""
        pause = min(RETRY_AFTER * 2 ** min(self._failures, 10), LAST_RETRY)
        self._failures, self._retry_in = self._failures + 1, pause * (1 + self._jitter() / 4)
        text = "server=%s keeps its last good lists: %s %s"
        log.warning(text, self._upstream.spec.name, error.fault.message, error.detail)
        self._upstream.mark(TOPIC, error.fault)

    @property
    def wait(self) -> float | None:
        """Seconds after which to list again unasked; None for never."""
        if self._failures:
            return self._retry_in
        if self._suspected_at is None:
            return None
        return max(0.1, self._suspected_at + CONFIRM_AFTER - self._clock())

    def _fault(self, what: str) -> Fault:
        name = self._upstream.spec.name
        return Fault(Kind.PROTOCOL, f"Server '{name}' {what}.", server=name)


def _vanished(old: ServerCatalog, new: ServerCatalog) -> bool:
    """Whether all tools, or all there was, are gone at once."""
    return bool((old.tools and not new.tools) or (_size(old) and not _size(new)))


def _size(catalog: ServerCatalog) -> int:
    return len(catalog.tools) + len(catalog.prompts) + len(catalog.resources) + len(catalog.templates)
