"""The streams on which clients hear what they did not ask for: GET of a legacy session, `subscriptions/listen`.

Decides what a client may open and what ends it; when there is something to tell is for `gateway.broadcast`. A session
of 2025-11-25 resumes its streams, also those of its calls; in others, whoever lost one lists again (INTERFACE,
"Endpoints"; PROTOCOL.md sections 2.2 and 3.4).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

from litestar.types import Receive, Scope, Send
from msgspec.structs import replace

from app.config.keyring import Principal
from app.downstream.call_log import CallLog
from app.downstream.faults import plain, to_answer, to_plain
from app.downstream.origin import Origin
from app.downstream.recording import Recorder, read_on
from app.downstream.response import RelayResponse, send_json
from app.gateway.broadcast import KINDS
from app.gateway.clock import HEARTBEAT
from app.gateway.gateway import STOPPING, Gateway
from app.gateway.journal import OWN, Journal
from app.gateway.sessions import Session
from app.gateway.subscribing import watch_all
from app.gateway.subscription import End, Subscription
from app.gateway.task_feeds import TaskFeeds
from app.protocol.classify import Accept, Headers, Inbound, read_accept, read_head
from app.protocol.faults import Fault, Kind
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.versions import Era
from app.relay import listen, tasks
from app.relay.events import Noticed, Result

# What a client has to take the last bytes of a stream that has ended: a stop waits for streams no longer than this.
GOODBYE = 0.4
STREAM_ONLY = Accept(json=False, stream=True, stream_first=True)
UNKNOWN_SESSION = Fault(Kind.UNKNOWN_SESSION, "Unknown or expired session; send initialize again.")
NO_STREAM = Fault(Kind.NOT_ACCEPTABLE, "The answer is a stream: Accept must name text/event-stream.")
UNKNOWN_EVENT = plain("bad_request", "Last-Event-ID names no event that is kept; send the request anew.")
TAKEN = plain("conflict", "This session has its stream already; it carries everything.")
ENDING = plain("stopping", STOPPING.message.partition(";")[0] + ".")


class Streams:
    """`gateway` gives the running one; `identify` who a request's key belongs to by now."""

    def __init__(
        self, gateway: Callable[[], Gateway], identify: Callable[[Scope], Principal | None], call_log: CallLog
    ) -> None:
        self._gateway = gateway
        self._identify = identify
        self._log = call_log

    async def open(self, origin: Origin, receive: Receive, send: Send) -> None:
        """Serve the GET of a legacy client, from the first byte to the last: its session's stream, or a broken one."""
        gateway, head = self._gateway(), read_head(cast("Headers", origin.scope["headers"]))
        if not read_accept(head.accept).stream:
            await send_json(send, 406, to_plain(NO_STREAM))
            return
        session = gateway.sessions.find(origin.principal.client_id, head.session.decode("latin-1"))
        if session is None:
            status, body = to_answer(UNKNOWN_SESSION, b"", Era.LEGACY, "")
            await send_json(send, status, body)
            return
        journal, place = session.journals.own if session.journals else None, None
        if session.journals is not None and head.last_event_id:
            found = session.journals.find(head.last_event_id.decode("latin-1"))
            if found is None:
                await send_json(send, 400, UNKNOWN_EVENT)
                return
            journal, place = found
        response = RelayResponse(receive, send, self._log.next_id(), Era.LEGACY, b"")
        response.expects("", b"", STREAM_ONLY)
        if journal is not None and journal.number != OWN:
            await self._read_on(origin, response, session, journal, place or 0)
        elif session.on_end is not None and not (place is not None and await _left(session)):
            await send_json(send, 409, TAKEN)
        elif gateway.drain.begun:
            await send_json(send, 503, ENDING, [(b"retry-after", b"2")])
        else:
            if session.journals is not None:
                response.record = partial(Recorder, session.journals, session.journals.own, place=place)
            await self._overhear(origin, response, session, place)

    async def _overhear(self, origin: Origin, response: RelayResponse, session: Session, place: int | None) -> None:
        gateway = self._gateway()
        subscription = _taken_up(gateway, session, origin) or gateway.broadcast.subscribe(
            origin.principal, origin.only, KINDS
        )
        subscription.renew = lambda: self._identify(origin.scope)
        session.on_end, session.stream_over, session.hears = subscription.end, asyncio.Event(), subscription
        try:
            await response.keep_alive()
            if session.journals is not None and place is not None:
                for _, event in session.journals.own.since(place):
                    await response.write(event)
            await follow(gateway, subscription, response, listen.told, response.finish)
        finally:
            session.on_end = None
            session.stream_over.set()
            gateway.sessions.rested(session)
            if session.journals is not None and subscription.over is End.DISCONNECTED and not session.over:
                # What changes meanwhile is told when the client is back.
                session.kept = subscription
                gateway.broadcast.keep(subscription)
            else:
                session.hears = None
            self._note(origin, response, outcome_of(subscription))

    async def _read_on(
        self, origin: Origin, response: RelayResponse, session: Session, journal: Journal, place: int
    ) -> None:
        """Serve the rest of an answer whose connection was lost."""
        gateway = self._gateway()

        async def watch() -> None:
            await response.closed()
            journal.wake()

        watching = gateway.tasks.create_task(watch())
        try:
            await read_on(journal, place, response)
        finally:
            watching.cancel()
            gateway.sessions.rested(session)
            self._note(origin, response, "disconnected" if response.gone else "resumed")

    def _note(self, origin: Origin, response: RelayResponse, outcome: str) -> None:
        self._log.write(
            response.request_id,
            origin.began,
            client=origin.principal.client_id,
            method="stream",
            name="",
            server=origin.only,
            era=Era.LEGACY.value,
            outcome=outcome,
        )

    async def listen(
        self, scope: Scope, inbound: Inbound, response: RelayResponse, principal: Principal, only: str
    ) -> None:
        """Serve one `subscriptions/listen`, from the acknowledgement to the result."""
        gateway, ident = self._gateway(), bytes(inbound.message.id)
        asked = listen.read_filter(inbound.message.params)
        if isinstance(asked, Fault):
            await response.reply(asked)
            return
        if asked.tasks and not tasks.declared(inbound.meta.members.get(CLIENT_CAPABILITIES)):
            await response.reply(tasks.UNDECLARED)
            return
        if not inbound.accept.stream:
            await response.reply(NO_STREAM)
            return
        if gateway.drain.begun:
            await response.reply(STOPPING)
            return
        # All of it, also what no server offers yet: an edit may bring one that does.
        subscription = gateway.broadcast.subscribe(
            principal, only, asked.kinds, era=Era.MODERN, renew=lambda: self._identify(scope)
        )

        async def goodbye() -> None:
            await response.reply(Result(listen.ended(ident), Era.MODERN))

        watched: dict[str, str] = {}
        feeds = TaskFeeds(gateway, principal.client_id, subscription.task_changed)
        try:
            # The servers tell before we say that they will.
            view = gateway.current.view(principal.grant, only)
            if asked.uris:
                watched = await watch_all(gateway, view, asked.uris, subscription)
            told = await feeds.open(view, asked.tasks) if asked.tasks else ()
            await response.stream(listen.acknowledged(ident, replace(asked, uris=tuple(watched), tasks=told)))
            await follow(gateway, subscription, response, lambda news: listen.told(news, ident), goodbye)
        finally:
            feeds.close()
            gateway.broadcast.leave(subscription)
            for uri, server in watched.items():
                gateway.watching.drop(server, uri, subscription)
        response.outcome = outcome_of(subscription)


def _taken_up(gateway: Gateway, session: Session, origin: Origin) -> Subscription | None:
    """What was kept of a stream that broke, for the one that follows it."""
    kept, session.kept = session.kept, None
    if kept is None:
        return None
    if kept.only != origin.only:
        kept.end(End.SESSION)
        return None
    if kept.over:  # the key that it was opened with is gone, and its principal has another one
        gateway.broadcast.keep(kept)
        gateway.broadcast.changed()
    kept.principal, kept.on_end = origin.principal, None
    return kept


async def _left(session: Session) -> bool:
    """A client that comes back to its stream has lost the connection of it, whether or not we know; ends that."""
    if session.on_end is not None:
        session.on_end(End.DISCONNECTED)
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * GOODBYE):
                await session.stream_over.wait()
    return session.on_end is None


async def follow(
    gateway: Gateway,
    subscription: Subscription,
    response: RelayResponse,
    to_notice: Callable[[listen.News], Noticed],
    goodbye: Callable[[], Awaitable[None]],
) -> None:
    """Pass on what is told until either side ends it."""
    clock = asyncio.get_running_loop().time
    watch = gateway.tasks.create_task(_watch(response, subscription))
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                subscription.on_end = lambda: limit.reschedule(clock() + GOODBYE)
                while await _step(subscription, response, to_notice):
                    pass
                await goodbye()
    finally:
        subscription.on_end = None
        watch.cancel()
        gateway.broadcast.leave(subscription)


async def _step(
    subscription: Subscription, response: RelayResponse, to_notice: Callable[[listen.News], Noticed]
) -> bool:
    """Wait for one thing and write it; False once there is nothing to come."""
    try:
        async with asyncio.timeout(HEARTBEAT):
            news = await anext(subscription, None)
    except TimeoutError:
        await response.keep_alive()
    else:
        if news is None:
            return False
        if isinstance(news, Noticed):
            await response.tell(news)
        else:
            await response.stream(to_notice(news))
    if response.gone:
        subscription.end(End.DISCONNECTED)
    return True


async def _watch(response: RelayResponse, subscription: Subscription) -> None:
    await response.closed()
    subscription.end(End.DISCONNECTED)


def outcome_of(subscription: Subscription) -> str:
    return subscription.over.value if subscription.over else "failed"
