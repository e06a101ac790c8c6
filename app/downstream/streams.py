"""The streams on which clients hear what they did not ask for: GET of a legacy session, `subscriptions/listen`.

Decides what a client may open and what ends it; when there is something to tell is for `gateway.broadcast`. A stream
is resumed by nobody: whoever lost one lists again (INTERFACE, "Endpoints"; PROTOCOL.md sections 2.2 and 3.4).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from litestar.types import Receive, Scope, Send

from app.config.keys import Principal
from app.downstream.call_log import CallLog
from app.downstream.faults import plain, to_answer, to_plain
from app.downstream.response import RelayResponse, send_json
from app.gateway.broadcast import KINDS, End, Subscription
from app.gateway.driver import HEARTBEAT
from app.gateway.gateway import STOPPING, Gateway
from app.gateway.sessions import Session
from app.protocol.classify import Accept, Headers, Inbound, read_accept, read_head
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay import listen
from app.relay.events import Noticed, Result

# What a client has to take the last bytes of a stream that has ended: a stop waits for streams no longer than this.
GOODBYE = 0.4
STREAM_ONLY = Accept(json=False, stream=True, stream_first=True)
UNKNOWN_SESSION = Fault(Kind.UNKNOWN_SESSION, "Unknown or expired session; send initialize again.")
NO_STREAM = Fault(Kind.NOT_ACCEPTABLE, "The answer is a stream: Accept must name text/event-stream.")
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

    async def open(self, scope: Scope, receive: Receive, send: Send, principal: Principal, only: str) -> None:
        """Serve the GET of a legacy client: its session's stream, from the first byte to the last."""
        gateway, head = self._gateway(), read_head(cast("Headers", scope["headers"]))
        if not read_accept(head.accept).stream:
            await send_json(send, 406, to_plain(NO_STREAM))
            return
        session = gateway.sessions.find(principal.client_id, head.session.decode("latin-1"))
        if session is None:
            status, body = to_answer(UNKNOWN_SESSION, b"", Era.LEGACY, "")
            await send_json(send, status, body)
        elif session.on_end is not None:
            await send_json(send, 409, TAKEN)
        elif gateway.drain.begun:
            await send_json(send, 503, ENDING, [(b"retry-after", b"2")])
        else:
            response = RelayResponse(receive, send, self._log.next_id(), Era.LEGACY, b"")
            await self._overhear(scope, response, principal, only, session)

    async def _overhear(
        self, scope: Scope, response: RelayResponse, principal: Principal, only: str, session: Session
    ) -> None:
        gateway, began = self._gateway(), time.perf_counter()
        response.expects("", b"", STREAM_ONLY)
        subscription = gateway.broadcast.subscribe(
            principal, only, KINDS, era=Era.LEGACY, renew=lambda: self._identify(scope)
        )
        session.on_end = lambda: subscription.end(End.SESSION)
        try:
            await response.keep_alive()
            await _follow(gateway, subscription, response, listen.changed, response.finish)
        finally:
            session.on_end = None
            gateway.sessions.rested(session)
            self._log.write(
                response.request_id,
                began,
                client=principal.client_id,
                method="stream",
                name="",
                server=only,
                era=Era.LEGACY.value,
                outcome=_outcome(subscription),
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
        if not inbound.accept.stream:
            await response.reply(NO_STREAM)
            return
        if gateway.drain.begun:
            await response.reply(STOPPING)
            return
        # All of it, also what no server offers yet: an edit may bring one that does.
        subscription = gateway.broadcast.subscribe(
            principal, only, asked, era=Era.MODERN, renew=lambda: self._identify(scope)
        )

        async def goodbye() -> None:
            await response.reply(Result(listen.ended(ident), Era.MODERN))

        await response.stream(listen.acknowledged(ident, asked))
        await _follow(gateway, subscription, response, lambda kind: listen.changed(kind, ident), goodbye)
        response.outcome = _outcome(subscription)


async def _follow(
    gateway: Gateway,
    subscription: Subscription,
    response: RelayResponse,
    to_notice: Callable[[str], Noticed],
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


async def _step(subscription: Subscription, response: RelayResponse, to_notice: Callable[[str], Noticed]) -> bool:
    """Wait for one thing and write it; False once there is nothing to come."""
    try:
        async with asyncio.timeout(HEARTBEAT):
            kind = await anext(subscription, None)
    except TimeoutError:
        await response.keep_alive()
    else:
        if kind is None:
            return False
        await response.stream(to_notice(kind))
    if response.gone:
        subscription.end(End.DISCONNECTED)
    return True


async def _watch(response: RelayResponse, subscription: Subscription) -> None:
    await response.closed()
    subscription.end(End.DISCONNECTED)


def _outcome(subscription: Subscription) -> str:
    return subscription.over.value if subscription.over else "failed"
