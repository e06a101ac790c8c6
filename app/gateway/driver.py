"""Performs what an exchange decides: the only `match effect` of the program.

One `Driver` per call. It owns the call's clock, its lease and the watch for the client's hang-up, and ends all three,
whatever happens. The watch starts only when the clock says that the call lasts: most have been answered by then.
A parked call has no client for a while: `run` returns, the lease and the clock stay, and `resume` goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from math import inf
from time import monotonic
from typing import assert_never

from app.config.snapshot import ServerSpec
from app.gateway import repeating
from app.gateway.asked import Asked, Asking
from app.gateway.client_response import Absent, ClientResponse
from app.gateway.clock import CallClock
from app.gateway.gathering import Gathering
from app.gateway.inbox import LEASED, Arrival, Inbox, Signal
from app.gateway.tries import Tries
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay import upstream_legacy
from app.relay.asking import Client, Nobody
from app.relay.continuation import LIFETIME, REFUSED
from app.relay.effects import (
    Acquire,
    AnswerUpstream,
    Ask,
    CancelUpstream,
    Effect,
    Keep,
    Park,
    Pause,
    Release,
    Reply,
    SendUpstream,
    SetTimer,
    Stream,
    Unask,
)
from app.relay.events import (
    Answered,
    Called,
    Event,
    Expired,
    Failed,
    Finished,
    Given,
    NeedsInput,
    PeerError,
    Request,
    Result,
    Sink,
)
from app.relay.exchange import Exchange
from app.relay.questions import OVER
from app.upstream.errors import UpstreamError
from app.upstream.leases import Asker, Lease
from app.upstream.upstream import Upstream

log = logging.getLogger("app.gateway")

INTERNAL = Fault(Kind.INTERNAL, "The gateway failed; its log says why, under this request's id.")
GAVE_WAY = Fault(Kind.BUSY, "The call waited for an answer, and gave way to others that need the server; call again.")
# What a listing may take that a refused call waits for.
RELIST_LIMIT = 5.0


class Driver:
    """Runs one exchange to its end. `limits` are seconds: without a sign of life, and in all."""

    client = ""
    """Whose call it is: the client's id."""
    addressed: Callable[[], Request | Fault] | None = None
    """Set where the server had not been listed when the call came: its names are looked up again once it is."""
    renewed: Callable[[], Request | Fault] | None = None
    """Set where what is sent depends on the server's catalog beyond its names: the request by the present one.

    Nothing set here may hold this driver: one that holds itself is left to the collector, whose every run stalls all
    calls.
    """
    introduced: Callable[["Driver"], None] | None = None
    """Called when the server first asks something, and says how the client is asked: most calls do without."""
    key_on: Callable[[ServerSpec], str] | None = None
    """Whose session it is where another server takes the place of the one that the call waits for."""
    on_over: Callable[["Driver"], None] | None = None
    """Hears that nothing of the call is left. Once."""
    on_parked: Callable[[], None] | None = None
    """Hears that its client is away."""
    asking: Client | None = None
    """What may be asked of the client; None until it is introduced."""
    asker: Asker | None = None
    asked: Asked | None = None
    """What the client's session was asked; None for a client that has none."""
    kept: Result | PeerError | Fault | None = None
    """What the call ended with while its client was away."""
    sends: Callable[[Lease, Request, Sink], int] | None = None
    """Sends a call that is more than one request, or of which something goes on after its answer."""
    parked = False
    # Most calls need none of these: what they are at first costs a call nothing.
    _gathering: Gathering | None = None
    _questions: Asking | None = None
    _keeper: asyncio.Task[None] | None = None
    _rested: asyncio.Event | None = None
    _lease: Lease | None = None
    _sent: int | None = None
    _request: Request | None = None
    _acquiring: asyncio.Task[None] | None = None
    _helpers: tuple[asyncio.Task[None], ...] = ()
    _gone = False

    def __init__(
        self, tasks: asyncio.TaskGroup, upstream: Upstream, era: Era, key: str, limits: tuple[float, float]
    ) -> None:
        self.inbox = Inbox()
        self._tasks = tasks
        self.upstream = upstream
        self._era = era
        self._key = key
        self._clock = CallClock(self.inbox.put, limits)
        self._exchange = Exchange()
        self._tries = Tries()

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
        self.upstream = upstream
        if self.key_on is not None:
            self._key = self.key_on(upstream.spec)
        self._acquiring = self._start(self._acquire())

    def expire(self, fault: Fault) -> None:
        """End the call for a reason that is ours; its client is told what that means for it."""
        is_harmless = self._request is not None and repeating.harmless(self._request, self.upstream.catalog)
        self.inbox.put(Expired(repeating.ended(fault, sent=self._tries.left, is_harmless=is_harmless)))

    def run(self, request: Request, response: ClientResponse) -> Coroutine[None, None, None]:
        """Relay `request` and answer through `response`. Only cancellation of the caller's task is raised."""
        return self._drive(Called(request), response)

    async def resume(self, answers: dict[str, Given], response: ClientResponse) -> None:
        """Go on with a parked call whose client came back with these answers, and reply to it through `response`."""
        assert self._rested is not None, "only what is parked is resumed"
        await self._rested.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])  # the inbox has one reader at a time
        if self._exchange.done or self.kept:
            await response.reply(self.kept or REFUSED)
            return
        self.parked = self._gone = False
        self._clock.back()
        await self._drive(Answered(answers), response)

    async def _drive(self, first: Event, response: ClientResponse) -> None:
        exchange = self._exchange
        self._clock.begin()
        try:
            await self._perform(exchange.receive(first), exchange, response)
            while not exchange.done and not self.parked:
                arrival = await self.inbox.get()
                if arrival is Signal.SETTLED:
                    self._start(self._watch(response))
                elif arrival is Signal.QUIET:
                    await response.keep_alive()
                    self._note(response)
                elif event := self._meant(arrival):
                    await self._perform(exchange.receive(self._judged(event)), exchange, response)
        except asyncio.CancelledError:
            self.parked = False
            raise
        except Exception:
            log.exception("the call to %s failed", self.upstream.spec.name)
            self.parked = False
            await response.reply(INTERNAL)
        finally:
            if self.parked and not exchange.done:
                self._rest()
            else:
                self._end()

    def _meant(self, arrival: Arrival) -> Event | None:
        """What an arrival means for the exchange; None for nothing yet. A first question introduces the client."""
        if arrival is Signal.SETTLED:
            return None  # of a call that was parked since
        if arrival is Signal.OVERDUE:
            return Expired(
                repeating.overdue(self.server, leased=self._lease is not None, asked=bool(self._exchange.open))
            )
        if self._gathering is None and not isinstance(arrival, NeedsInput):
            assert not isinstance(arrival, Signal), "nothing was gathered"
            return arrival
        return self._introduce().event(arrival, gathers=self.asked is None and not self.parked)

    def _introduce(self) -> Gathering:
        if self._gathering is None:
            if self.introduced is not None:
                self.introduced(self)
            self._exchange.client = self.asking or Nobody(self.server)
            self._gathering, self._questions = Gathering(self.inbox), Asking(self.inbox.put, self.asked)
        return self._gathering

    def _rest(self) -> None:
        """The client is away: what happens meanwhile is seen to by a task, and the clock runs on."""
        self._stop_watching()
        self._clock.run()
        if self.on_parked is not None:
            self.on_parked()
        self._keeper = self._tasks.create_task(self._keep())
        if self._rested is not None:
            self._rested.set()

    async def _keep(self) -> None:
        exchange = self._exchange
        try:
            while not exchange.done:
                event = self._meant(await self.inbox.get())
                if event:
                    await self._perform(exchange.receive(self._judged(event)), exchange, Absent())
        except Exception:
            log.exception("the parked call to %s failed", self.server)
            self.kept = INTERNAL
        self.parked = False
        self._end()

    async def _perform(self, effects: list[Effect], exchange: Exchange, response: ClientResponse) -> None:
        for effect in effects:
            match effect:  # what every call has comes first
                case SetTimer():
                    self._wait(for_client=effect.asking)
                case Acquire():
                    self._lease = self._at_once()
                    if self._lease is None:
                        self._acquiring = self._start(self._acquire())
                    else:
                        effects += exchange.receive(LEASED)  # it is the last of its list
                case SendUpstream():
                    assert self._lease is not None, "Leased comes after the lease"
                    self._send(self._lease, effect.request)
                case Release():
                    self._release()
                case Reply():
                    await response.reply(effect.outcome)
                case Stream(notice):
                    self._tries.streamed = True
                    await response.stream(notice)
                    self._note(response)
                case Pause(retry):
                    await response.pause(retry)
                case Ask() | Unask():
                    await self._ask(effect, response)
                case AnswerUpstream(key, given):
                    self._answer(key, given)
                case Park():
                    self.parked = self._tries.streamed = True
                    self._rested = asyncio.Event()
                    self._clock.away()
                    self._wait(for_client=True)
                case Keep(outcome):
                    self.kept = outcome
                case CancelUpstream(reason):
                    self._cancel(reason)
                case _:
                    assert_never(effect)

    def _wait(self, *, for_client: bool) -> None:
        """The clock of silence begins anew; while it is the client's, the call may have to give way to others."""
        self._clock.restart(LIFETIME if for_client else 0.0)
        lease = self._lease
        if for_client:
            log.info("server=%s asks client=%s", self.server, self.client)
        if lease is not None and (for_client or lease.asks_since is not inf):
            lease.asks_since = monotonic() if for_client else inf
            lease.give_way = lambda: self.inbox.put(Expired(GAVE_WAY))

    def _at_once(self) -> Lease | None:
        return None if self._tries.refused else self.upstream.acquire_nowait(self._era, self._key, self.asker)

    def _send(self, lease: Lease, request: Request) -> None:
        final = self.addressed() if self.addressed else request
        if isinstance(final, Fault):
            self.inbox.put(Failed(final))
        else:
            self._request = self._exchange.request = final
            self.addressed, self._tries.left = None, True
            put = self.inbox.put
            self._sent = lease.send(final, put) if self.sends is None else self.sends(lease, final, put)

    async def _ask(self, effect: Ask | Unask, response: ClientResponse) -> None:
        assert self._questions is not None, "the client is introduced by then"
        self._tries.streamed = True
        await self._questions.perform(effect, response)
        self._note(response)

    def _answer(self, key: str, given: Given) -> None:
        if self._lease is not None:
            self._lease.answer(key, given)

    def _cancel(self, reason: str) -> None:
        if self._lease is not None and self._sent is not None:
            self._lease.cancel(self._sent, reason)

    def _judged(self, event: Event) -> Event:
        """A failure of a call under way, as what follows from it: another try, or the truth about its outcome."""
        request, lease = self._request, self._lease
        if request is None or lease is None:
            return event
        if isinstance(event, Finished):
            if not isinstance(event.outcome, PeerError):
                return event
            if self._era is Era.MODERN and lease.era is Era.LEGACY:
                self._introduce()
                return upstream_legacy.to_question(event)
            return self._tries.mended(event, event.outcome, lease)
        if isinstance(event, Failed):
            is_harmless = repeating.harmless(request, self.upstream.catalog)
            return self._tries.repeated(self.server, event.fault, is_harmless=is_harmless)
        return event

    def _release(self) -> None:
        lease, self._lease, self._sent = self._lease, None, None
        if lease is not None:
            if self._gathering is not None and self._questions is not None:
                for key in (*self._exchange.waiting, *self._gathering.given_up()):
                    if not self._questions.late(key, lease.answer):
                        lease.answer(key, OVER)
            lease.release()

    async def _acquire(self) -> None:
        try:
            if self._tries.refused:
                if self._tries.refused == repeating.HEADER_MISMATCH:
                    await self.upstream.relisted(RELIST_LIMIT)
                self._tries.refused, self.addressed = 0, self.renewed or self.addressed
            self._lease = await self.upstream.acquire(self._era, self._key, self._tries.patience, self.asker)
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

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        helper = self._tasks.create_task(work)
        self._helpers += (helper,)
        return helper

    def _stop_watching(self) -> None:
        self._clock.stop()
        for helper in self._helpers:
            helper.cancel()
        self._helpers = ()  # one that was cancelled holds us

    def _end(self) -> None:
        self._stop_watching()
        if self._questions is not None:
            self._questions.end()
        self._cancel("The gateway gave the call up.")  # our own task was cancelled mid-call
        self._release()
        if self._rested is not None:
            self._rested.set()
        if self.on_over is not None:
            self.on_over(self)
