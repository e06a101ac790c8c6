"""Keeps one upstream alive: opens, lists, waits for its end, and starts it again.

One task owns everything a server has, from the first byte to the last process, and is the boundary that no failure of a
server passes. Theory of operation: STARTING leads to READY or BACKOFF, READY to STARTING or BACKOFF when the session
ends, BACKOFF to STARTING when its time is over; a request to stop leads from each to STOPPED.
"""

import logging
import random
import time
from collections.abc import Callable

import anyio

from app.config.identity import identity
from app.protocol.faults import Fault, Kind
from app.upstream import feed
from app.upstream.errors import HttpRefusal, UpstreamError
from app.upstream.listing import list_all
from app.upstream.opening import Opened, Opener, TransportFactory
from app.upstream.pool import Pool
from app.upstream.upstream import State, Upstream
from app.upstream.verdicts import Verdict, Verdicts

log = logging.getLogger("app.upstream")

FIRST_BACKOFF = 0.5
LAST_BACKOFF = 30.0
# Refused credentials do not heal by themselves; somebody may repair them at the other end.
PARKED = 60.0
HEALTHY_AFTER = 10.0
FIRST_STARTUP = 120.0
STARTUP = 30.0
# A server announces its three lists at once: one listing serves them all.
DEBOUNCE = 0.1
# The least time between two listings: a server that announces changes without end is not listed without end.
SPACING = 0.4
RELIST_RETRY = 5.0


class Supervisor:
    """The owner of one `Upstream`; `run` is its task."""

    def __init__(
        self,
        upstream: Upstream,
        transports: TransportFactory,
        verdicts: Verdicts,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._upstream = upstream
        self._spec = upstream.spec
        self._opener = Opener(upstream.spec, transports)
        self._verdicts = verdicts
        self._identity = identity(upstream.spec)
        self._jitter = jitter
        self._failures = 0
        self._was_ready = False

    def __repr__(self) -> str:
        return f"<Supervisor {self._upstream!r} failures={self._failures}>"

    async def run(self) -> None:
        """Until the upstream's `stop_requested`, or cancellation; either way nothing is left running."""
        upstream = self._upstream
        fault: Fault | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._stop_on_request, tasks.cancel_scope)
                while True:
                    upstream.enter(State.STARTING, fault if self._failures else None)
                    fault = await self._live()
                    delay = self._delay(fault)
                    if delay:
                        upstream.enter(State.BACKOFF, fault, retry_in=delay)
                        await anyio.sleep(delay)
        finally:
            upstream.enter(State.STOPPED)
            upstream.stopped.set()

    async def _stop_on_request(self, scope: anyio.CancelScope) -> None:
        await self._upstream.stop_requested.wait()
        scope.cancel()

    async def _live(self) -> Fault:
        """One life of the server, from opening to its end; why it ended."""
        started: float | None = None
        try:
            opened = await self._open()
            started = time.monotonic()
            return await self._serve(opened)
        except UpstreamError as error:
            if error.detail:
                log.info("server=%s detail=%s", self._spec.name, error.detail)
            return error.fault
        except Exception:
            # The boundary: a bug met with one server must not end the others.
            log.exception("server=%s failed within the gateway", self._spec.name)
            return Fault(
                Kind.INTERNAL, f"Server '{self._spec.name}' failed within the gateway.", server=self._spec.name
            )
        finally:
            healthy = started is not None and time.monotonic() - started >= HEALTHY_AFTER
            self._failures = 0 if healthy else self._failures + 1

    async def _open(self) -> Opened:
        limit = self._spec.startup_timeout or (STARTUP if self._was_ready else FIRST_STARTUP)
        try:
            with anyio.fail_after(limit):
                opened = await self._opener.first(self._verdicts.get(self._identity))
        except TimeoutError:
            text = f"Server '{self._spec.name}' did not complete its handshake within {limit:g} s."
            raise UpstreamError(Fault(Kind.TIMEOUT, text, server=self._spec.name)) from None
        try:
            await self._list(opened)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await opened.connection.transport.close()
            raise
        if self._spec.remote or self._spec.era == "mirror":
            self._verdicts.put(self._identity, opened.verdict)
        return opened

    async def _list(self, opened: Opened) -> None:
        try:
            self._upstream.publish(await list_all(opened.connection, opened.negotiated))
        except UpstreamError as error:
            if self._upstream.catalog is None or opened.connection.fault:
                raise
            self._log_kept(error)

    async def _serve(self, opened: Opened) -> Fault:
        """READY until the first session ends. The pool's sessions end with it."""
        ended = anyio.Event()
        upstream, connection = self._upstream, opened.connection

        def over(_: Fault) -> None:
            # At once, so that no call opens another session of a server that is on its way down.
            upstream.detach()
            ended.set()

        async with anyio.create_task_group() as tasks:
            pool = Pool(
                self._spec,
                self._opener,
                opened,
                tasks,
                on_other_era=lambda has: self._keep(Verdict(opened.negotiated.era, has, opened.sse)),
                on_changed=lambda _: upstream.relist_wanted.set(),
            )
            try:
                connection.listen(lambda _: upstream.relist_wanted.set(), over)
                if not connection.fault:
                    self._was_ready = True
                    upstream.enter(State.READY, pool=pool)
                tasks.start_soon(self._relist, opened)
                tasks.start_soon(feed.follow, connection, opened.negotiated.capabilities)
                tasks.start_soon(pool.sweep)
                await ended.wait()
            finally:
                upstream.detach()
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await pool.close()
        return connection.fault or Fault(Kind.CLOSED, f"Server '{self._spec.name}' ended.", server=self._spec.name)

    async def _relist(self, opened: Opened) -> None:
        upstream = self._upstream
        while True:
            await upstream.relist_wanted.wait()
            await anyio.sleep(DEBOUNCE)
            upstream.relist_wanted = anyio.Event()
            try:
                upstream.publish(await list_all(opened.connection, opened.negotiated))
                await anyio.sleep(SPACING)
            except UpstreamError as error:
                if opened.connection.fault:
                    return
                self._log_kept(error)
                await anyio.sleep(RELIST_RETRY)
                upstream.relist_wanted.set()

    def _log_kept(self, error: UpstreamError) -> None:
        text = "server=%s keeps its last good lists: %s %s"
        log.warning(text, self._spec.name, error.fault.message, error.detail)

    def _keep(self, verdict: Verdict) -> None:
        if self._spec.remote or self._spec.era == "mirror":
            self._verdicts.put(self._identity, verdict)

    def _delay(self, fault: Fault) -> float:
        """Seconds until the next start: none after a healthy life, else doubling, with up to a quarter of jitter."""
        if isinstance(fault, HttpRefusal) and fault.status in {401, 403}:
            return PARKED * (1 + self._jitter() / 4)
        if not self._failures:
            return 0.0
        return min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** min(self._failures - 1, 10)) * (1 + self._jitter() / 4)
