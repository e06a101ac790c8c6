"""Performs what an exchange decides: the only `match effect` of the program.

One `Driver` per call. It owns the call's clock, its lease and the watch for the client's hang-up, and ends all three,
whatever happens. The watch and the timers start only when a call has lasted `SETTLE` seconds: most have been answered.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol, assert_never

from app.config.snapshot import ServerSpec
from app.gateway.inbox import LEASED, Arrival, Inbox, Signal
from app.gateway.repeating import PATIENCE, ended, explained, harmless, may_repeat
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.effects import Acquire, CancelUpstream, Effect, Release, Reply, SendUpstream, SetTimer, Stream
from app.relay.events import (
    Called,
    Detached,
    Disconnected,
    Event,
    Expired,
    Failed,
    Lost,
    Noticed,
    PeerError,
    Request,
    Result,
)
from app.relay.exchange import Exchange
from app.upstream.errors import UpstreamError
from app.upstream.pool import Lease
from app.upstream.upstream import Upstream

log = logging.getLogger("app.gateway")

INTERNAL = Fault(Kind.INTERNAL, "The gateway failed; its log says why, under this request's id.")
SETTLE = 0.02
# Silence after which a client that takes streams gets one, and between the comments that keep it open: below the idle
# limits of proxies in the path (60 s nginx, 100 s Cloudflare; RELIABILITY.md, timeout ladder).
COMMIT_AFTER = 5.0
HEARTBEAT = 15.0


class ClientResponse(Protocol):
    """The client's side of one call; implemented by `downstream`. Writes after a hang-up do nothing.

    `gone`: a write found the client gone, or took too long; `hung_up`: what that means in its era.
    """

    hung_up: Disconnected | Detached

    @property
    def gone(self) -> bool: ...

    async def stream(self, notice: Noticed) -> None: ...
    async def reply(self, outcome: Result | PeerError | Fault) -> None: ...
    async def keep_alive(self) -> None: ...
    async def closed(self) -> None:
        """Returns once the client has closed its connection."""
        ...


class Driver:
    """Runs one exchange to its end."""

    def __init__(
        self, tasks: asyncio.TaskGroup, upstream: Upstream, era: Era, key: str, limits: tuple[float, float]
    ) -> None:
        self.inbox = Inbox()
        self._tasks = tasks
        self.upstream = upstream
        self.client = ""
        """Whose call it is: the client's id."""
        self._era = era
        self._key = key
        self._silence, total = limits
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._silent_at = now + self._silence
        self._end_at = now + total
        self._quiet_at = now + COMMIT_AFTER
        # Set where the server had not been listed when the call came: its names are looked up again once it is.
        self.addressed: Callable[[], Request | Fault] | None = None
        # Set where the client can answer a server's question: makes of it the one that the client gets. Else not a
        # method of ours: a driver that holds itself is left to the collector, whose every run stalls all calls.
        self.ask: Callable[[Result], Result | Fault] | None = None
        self._lease: Lease | None = None
        self._sent: int | None = None
        self._request: Request | None = None
        self._left = False
        self._acquiring: asyncio.Task[None] | None = None
        # Whose session it is where another server takes the place of the one that the call waits for.
        self.key_on: Callable[[ServerSpec], str] = lambda _: key
        # A lost call is sent once more, at most; until then nobody waits for a server that is down.
        self._patience = 0.0
        self._streamed = False
        self._helpers: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._gone = False

    @property
    def server(self) -> str:
        """The server this call is for."""
        return self.upstream.spec.name

    def __repr__(self) -> str:
        return f"<Driver {self.upstream.spec.name} {self._era.value} {'leased' if self._lease else 'waiting'}>"

    @property
    def waiting(self) -> bool:
        """Whether it waits for its server, and could as well wait for another."""
        return self._acquiring is not None and not self._acquiring.done()

    def move(self, upstream: Upstream) -> None:
        """The server was replaced while the call was `waiting` for it: from here on it waits for this one."""
        if self._acquiring is not None:
            self._acquiring.cancel()
        self.upstream, self._key = upstream, self.key_on(upstream.spec)
        self._acquiring = self._start(self._acquire())

    def expire(self, fault: Fault) -> None:
        """End the call for a reason that is ours; its client is told what that means for it."""
        is_harmless = self._request is not None and harmless(self._request, self.upstream.catalog)
        self.inbox.put(Expired(ended(fault, sent=self._left, is_harmless=is_harmless)))

    async def run(self, request: Request, response: ClientResponse) -> None:
        """Relay `request` and answer through `response`. Only cancellation of the caller's task is raised.

        `limits` (of the constructor) are seconds: without a sign of life, and in all.
        """
        exchange = Exchange(self.ask or self._unaskable)
        self._timer = self._loop.call_later(SETTLE, self._settle, response)
        try:
            await self._perform(exchange.receive(Called(request)), exchange, response)
            while not exchange.done:
                arrival = await self.inbox.get()
                if arrival is Signal.QUIET:
                    await response.keep_alive()
                    self._note(response)
                else:
                    await self._perform(exchange.receive(self._judged(_event(arrival))), exchange, response)
        except Exception:
            log.exception("the call to %s failed", self.upstream.spec.name)
            await response.reply(INTERNAL)
        finally:
            self._end()

    async def _perform(self, effects: list[Effect], exchange: Exchange, response: ClientResponse) -> None:
        for effect in effects:
            match effect:
                case SetTimer():
                    self._silent_at = self._loop.time() + self._silence
                case Acquire():
                    self._lease = self.upstream.acquire_nowait(self._era, self._key)
                    if self._lease is None:
                        self._acquiring = self._start(self._acquire())
                    else:
                        await self._perform(exchange.receive(LEASED), exchange, response)
                case SendUpstream(request):
                    assert self._lease is not None, "Leased comes after the lease"
                    self._send(self._lease, request)
                case Stream(notice):
                    self._streamed = True
                    await response.stream(notice)
                    self._note(response)
                    self._quiet_at = self._loop.time() + HEARTBEAT
                case Reply(outcome):
                    await response.reply(outcome)
                case CancelUpstream(reason):
                    if self._lease is not None and self._sent is not None:
                        self._lease.cancel(self._sent, reason)
                case Release():
                    self._release()
                case _:
                    assert_never(effect)

    def _send(self, lease: Lease, request: Request) -> None:
        final = self.addressed() if self.addressed else request
        if isinstance(final, Fault):
            self.inbox.put(Failed(final))
        else:
            self._request, self._left = final, True
            self._sent = lease.send(final, self.inbox.put)

    def _judged(self, event: Event) -> Event:
        """A failure of a call under way, as what follows from it: another try, or the truth about its outcome."""
        if not isinstance(event, Failed) or self._request is None or self._lease is None:
            return event
        fault, is_harmless = event.fault, harmless(self._request, self.upstream.catalog)
        self._left = not fault.unsent
        if not self._patience and not self._streamed and may_repeat(fault, is_harmless=is_harmless):
            log.info("server=%s a call is sent again: %s", self.server, fault.message)
            self._patience = PATIENCE
            return Lost()
        return Failed(explained(fault, is_harmless=is_harmless))

    def _release(self) -> None:
        lease, self._lease, self._sent = self._lease, None, None
        if lease is not None:
            lease.release()

    async def _acquire(self) -> None:
        try:
            self._lease = await self.upstream.acquire(self._era, self._key, self._patience)
        except UpstreamError as error:
            self.inbox.put(Failed(error.fault))
        except Exception:
            log.exception("acquiring a connection to %s failed", self.upstream.spec.name)
            self.inbox.put(Failed(INTERNAL))
        else:
            self.inbox.put(LEASED)

    async def _watch(self, response: ClientResponse) -> None:
        await response.closed()
        self.inbox.put(response.hung_up)

    def _note(self, response: ClientResponse) -> None:
        """A client that takes nothing any more has hung up, whether or not its connection is closed."""
        if response.gone and not self._gone:
            self._gone = True
            self.inbox.put(response.hung_up)

    def _settle(self, response: ClientResponse) -> None:
        """The call is one that lasts: from now on watch the client and the clock."""
        self._start(self._watch(response))
        self._tick()

    def _tick(self) -> None:
        now = self._loop.time()
        if now >= min(self._silent_at, self._end_at):
            self.inbox.put(Expired(self._timeout()))
            return
        if now >= self._quiet_at:
            self._quiet_at = now + HEARTBEAT
            self.inbox.put(Signal.QUIET)
        self._timer = self._loop.call_at(min(self._silent_at, self._end_at, self._quiet_at), self._tick)

    def _timeout(self) -> Fault:
        name = self.upstream.spec.name
        if self._lease is None:
            return Fault(Kind.TIMEOUT, f"Server {name} did not come up in time.", name)
        return Fault(Kind.TIMEOUT, f"Server {name} gave no answer in time; the call was cancelled.", name)

    def _unaskable(self, _: Result) -> Fault:
        name = self.upstream.spec.name
        return Fault(Kind.PROTOCOL, f"Server {name} asked for input that the client cannot give.", name)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        helper = self._tasks.create_task(work)
        self._helpers.append(helper)
        return helper

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for helper in self._helpers:
            helper.cancel()
        self._helpers.clear()  # one that was cancelled holds us: see `ask`
        if self._lease is not None and self._sent is not None:  # our own task was cancelled mid-call
            self._lease.cancel(self._sent, "The gateway gave the call up.")
        self._release()


def _event(arrival: Arrival) -> Event:
    assert not isinstance(arrival, Signal), "signals are the driver's own"
    return arrival
