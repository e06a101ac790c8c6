"""Keeps one upstream alive: opens, lists, waits for its end, and starts it again.

One task owns everything a server has, from the first byte to the last process, and is the boundary that no failure of a
server passes. Theory of operation: STARTING leads to READY (DEGRADED while something is wrong with what serves), or to
BACKOFF and FAILED, as `backoff.py` says, and these to STARTING when their time is over. A lazy server goes from READY
to rest when it is idle, and back at a call. A request to stop leads from each to STOPPED.
"""

import logging
import random
import time
from collections.abc import Callable

import anyio

from app.config.identity import identity
from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.upstream import feed, heartbeat
from app.upstream.backoff import Backoff
from app.upstream.breaker import Breaker
from app.upstream.catalogs import Catalogs
from app.upstream.errors import UnstartableError, UpstreamError
from app.upstream.keeping import Keeper
from app.upstream.listing import list_all
from app.upstream.opening import Opened, Opener, TransportFactory
from app.upstream.pool import Pool
from app.upstream.upstream import State, Upstream
from app.upstream.verdicts import Verdict, Verdicts

log = logging.getLogger("app.upstream")

FIRST_STARTUP = 120.0
STARTUP = 30.0
# A server announces its three lists at once: one listing serves them all.
DEBOUNCE = 0.1
# The least time between two listings: a server that announces changes without end is not listed without end.
SPACING = 0.4
# How long calls wait for a start that follows one failure; after more of them they do not wait.
PATIENCE = 2.0
# Idleness is looked for this often, in parts of `idle_timeout`.
_GRAIN = 10


class Supervisor:
    """The owner of one `Upstream`; `run` is its task."""

    def __init__(
        self,
        upstream: Upstream,
        transports: TransportFactory,
        verdicts: Verdicts,
        catalogs: Catalogs,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._upstream = upstream
        self._opener = Opener(upstream.spec, transports)
        self._verdicts = verdicts
        self._identity = identity(upstream.spec)
        self._keeper = Keeper(upstream, catalogs)
        self._backoff = Backoff(time.monotonic, jitter)
        self._was_ready = False
        # The catalog of a former run is listed from the first moment.
        self._keeper.recall()

    def __repr__(self) -> str:
        return f"<Supervisor {self._upstream!r} {self._backoff!r}>"

    @property
    def _spec(self) -> ServerSpec:
        return self._upstream.spec

    async def run(self) -> None:
        """Until the upstream's `stop_requested`, or cancellation; either way nothing is left running."""
        upstream = self._upstream
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._stop_on_request, tasks.cancel_scope)
                if self._spec.lazy and upstream.catalog:
                    await self._rest()
                while True:
                    if await self._live():
                        await self._rest()
        finally:
            upstream.enter(State.STOPPED)
            upstream.stopped.set()

    async def _stop_on_request(self, scope: anyio.CancelScope) -> None:
        await self._upstream.stop_requested.wait()
        scope.cancel()

    async def _rest(self) -> None:
        if not self._upstream.resting:
            self._upstream.rest()
        await self._upstream.wanted.wait()

    async def _live(self) -> bool:
        """One life of the server, and the pause that follows a failure. True: it ended because nobody needs it."""
        upstream, backoff = self._upstream, self._backoff
        patience = (None, PATIENCE, 0.0)[min(backoff.failures + 2 * backoff.tripped, 2)]
        upstream.enter(State.STARTING, upstream.fault if backoff.failures else None, patience=patience)
        backoff.started()
        life = _Life(self._spec.name)
        hopeless, detail = False, ""
        try:
            await self._serve(await self._open(), life)
        except UpstreamError as error:
            if detail := error.detail:
                log.info("server=%s detail=%s", self._spec.name, detail)
            life.end(error.fault)
            hopeless = isinstance(error, UnstartableError)
        except Exception:
            # The boundary: a bug met with one server must not end the others.
            log.exception("server=%s failed within the gateway", self._spec.name)
            life.end(_fault(self._spec.name, Kind.INTERNAL, "failed within the gateway"))
        if life.fault is None:
            return True
        upstream.note_exit(life.fault, life.seconds, detail)
        pause = backoff.ended(life.fault, life.seconds, hopeless=hopeless)
        if pause.seconds:
            upstream.enter(State.FAILED if pause.failed else State.BACKOFF, life.fault, retry_in=pause.seconds)
            await anyio.sleep(pause.seconds)
        return False

    async def _open(self) -> Opened:
        limit = self._spec.startup_timeout or (STARTUP if self._was_ready else FIRST_STARTUP)
        try:
            with anyio.fail_after(limit):
                opened = await self._opener.first(self._verdicts.get(self._identity))
        except TimeoutError:
            fault = _fault(self._spec.name, Kind.TIMEOUT, f"did not complete its handshake within {limit:g} s")
            raise UpstreamError(fault) from None
        self._upstream.met_at = time.monotonic()
        try:
            await self._list(opened)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await opened.connection.transport.close()
            raise
        self._keep(opened.verdict)
        return opened

    async def _list(self, opened: Opened) -> None:
        """List the server. Raises `UpstreamError` where there is nothing to fall back on."""
        try:
            listed = await list_all(opened.connection, opened.negotiated)
        except UpstreamError as error:
            if self._upstream.catalog is None or opened.connection.fault:
                raise
            self._keeper.failed(error)
        else:
            await self._keeper.listed(listed)

    async def _serve(self, opened: Opened, life: "_Life") -> None:
        """READY until the life is over. The pool's sessions end with it."""
        upstream, connection, breaker = self._upstream, opened.connection, Breaker()

        def ended(fault: Fault | None) -> None:
            # At once, so that no call opens another session of a server that is on its way down.
            upstream.detach()
            life.end(fault)

        async with anyio.create_task_group() as tasks:
            on_failed = breaker.failed if self._spec.remote else None
            pool = Pool(
                self._spec,
                self._opener,
                opened,
                tasks,
                on_other_era=lambda has: self._keep(Verdict(opened.negotiated.era, has, opened.sse)),
                on_changed=upstream.announce,
                on_failed=on_failed,
            )
            try:
                connection.listen(upstream.announce, ended, on_failed)
                if not connection.fault:
                    self._was_ready = True
                    life.begin()
                    upstream.enter(State.READY, pool=pool)
                tasks.start_soon(self._relist, opened)
                tasks.start_soon(feed.follow, connection, opened.negotiated.capabilities)
                tasks.start_soon(upstream.watches.keep, connection)
                tasks.start_soon(pool.sweep)
                tasks.start_soon(self._watch, opened, ended)
                tasks.start_soon(self._mend, opened, pool, breaker, ended)
                tasks.start_soon(self._stop_when_idle, pool, ended)
                await life.over.wait()
            finally:
                upstream.detach()
                upstream.mark("ping", None)
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await pool.close()

    async def _relist(self, opened: Opened) -> None:
        upstream = self._upstream
        while not opened.connection.fault:
            with anyio.move_on_after(self._keeper.wait):
                await upstream.relist_wanted.wait()
                await anyio.sleep(DEBOUNCE)
            upstream.relist_wanted = anyio.Event()
            await self._list_again(opened)
            await anyio.sleep(SPACING)

    async def _list_again(self, opened: Opened) -> None:
        try:
            await self._keeper.listed(await list_all(opened.connection, opened.negotiated))
        except UpstreamError as error:
            if not opened.connection.fault:
                self._keeper.failed(error)

    async def _watch(self, opened: Opened, ended: Callable[[Fault], None]) -> None:
        """Health checks of a silent server."""

        def missed(misses: int) -> None:
            text = f"did not answer {misses} of {heartbeat.MISSES} health checks"
            self._upstream.mark("ping", _fault(self._spec.name, Kind.TIMEOUT, text) if misses else None)

        ended(await heartbeat.watch(opened.connection, missed))

    async def _mend(self, opened: Opened, pool: Pool, breaker: Breaker, ended: Callable[[Fault], None]) -> None:
        """The open circuit of a remote server: a pause without calls, then one question that decides."""
        while True:
            await breaker.tripped.wait()
            fault = breaker.fault
            assert fault is not None, "what trips it is kept"
            pause = max(self._backoff.delay(1), fault.retry_after or 0.0)
            self._upstream.enter(State.BACKOFF, fault, retry_in=pause)
            await anyio.sleep(pause)
            found = await heartbeat.probe(opened.connection)
            if found:
                ended(found)
                return
            breaker.closed_again()
            self._upstream.enter(State.READY, pool=pool)

    async def _stop_when_idle(self, pool: Pool, ended: Callable[[None], None]) -> None:
        upstream = self._upstream
        while True:
            limit = self._spec.idle_timeout
            await anyio.sleep(limit / _GRAIN)
            if (
                self._spec.lazy
                and not pool.busy
                and not upstream.watches
                and time.monotonic() - upstream.used_at >= limit
            ):
                upstream.rest()
                ended(None)
                return

    def _keep(self, verdict: Verdict) -> None:
        if self._spec.remote or self._spec.era == "mirror":
            self._verdicts.put(self._identity, verdict)


class _Life:
    """One run of a server. `fault`: why it ended, None for idleness; `seconds`: how long it had served."""

    def __init__(self, server: str) -> None:
        self.over = anyio.Event()
        self.fault: Fault | None = _fault(server, Kind.CLOSED, "ended")
        self._began: float | None = None
        self._ended = 0.0

    @property
    def seconds(self) -> float:
        return self._ended - self._began if self._began is not None else 0.0

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self, fault: Fault | None) -> None:
        """The first end counts."""
        if not self.over.is_set():
            self.fault, self._ended = fault, time.monotonic()
            self.over.set()


def _fault(server: str, kind: Kind, what: str) -> Fault:
    return Fault(kind, f"Server '{server}' {what}.", server=server)
