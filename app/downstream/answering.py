"""Answers the requests that the gateway answers itself: what `answers` says, once what it depends on is there.

Handshakes open sessions, lists wait for servers that are starting, and subscriptions reach them.
"""

from app.downstream import answers
from app.downstream.visit import Visit
from app.gateway.freshness import hint_for
from app.gateway.listing_tasks import list_tasks
from app.gateway.subscribing import subscribe, unsubscribe
from app.protocol.faults import Fault
from app.protocol.jsonrpc import NO_RAW
from app.protocol.methods import Answer, Method
from app.protocol.versions import LATEST_LEGACY, Era
from app.relay.answerable import of_session
from app.relay.hints import UNHINTED

SESSION = b"mcp-session-id"


async def answer(visit: Visit, method: Method) -> None:
    """Answer `visit`, a request of `method`."""
    result: bytes | tuple[bytes, ...] | Fault
    match method.answer:
        case Answer.LIST:
            result = await _listing(visit, method)
        case Answer.PING:
            result = b"{}"
        case Answer.INITIALIZE:
            result = _initialize(visit)
        case Answer.DISCOVER:
            view = visit.view()
            result = answers.discover(view, hint_for(visit.gateway.current, view, "server/discover"))
        case Answer.SET_LEVEL:
            result = answers.set_level(visit.view(), visit.session, visit.inbound)
        case Answer.SUBSCRIBE | Answer.UNSUBSCRIBE:
            await _subscribe(visit, method.answer)
            return
        case Answer.LIST_TASKS:
            result = await list_tasks(visit.gateway, visit.call(visit.only))
        case Answer.RELAY | Answer.LISTEN:
            raise AssertionError("these are not the gateway's to answer")
    if isinstance(result, Fault):
        await visit.response.reply(result)
    elif isinstance(result, bytes):
        await visit.response.give(result)
    else:
        await visit.response.give(*result)


async def _listing(visit: Visit, method: Method) -> tuple[bytes, ...] | Fault:
    await visit.gateway.listed(visit.view())
    view, asked = visit.view(), visit.inbound.message.method
    # Only the modern era is told for how long a list is good.
    modern = visit.inbound.era is Era.MODERN
    hint = hint_for(visit.gateway.current, view, asked, method.capability) if modern else UNHINTED
    return answers.listing(view, visit.inbound, method, hint)


async def _subscribe(visit: Visit, wanted: Answer) -> None:
    session, params = visit.session, visit.inbound.message.params
    assert session is not None, "whoever has no session of its own has the nameless one"
    if wanted is Answer.SUBSCRIBE:
        await visit.response.reply(await subscribe(visit.gateway, session, visit.view(), params))
    else:
        await visit.response.reply(unsubscribe(visit.gateway, session, params))


def _initialize(visit: Visit) -> bytes | Fault:
    version = answers.requested_version(visit.inbound)
    if isinstance(version, Fault):
        return version
    declared = of_session(visit.inbound.message.params.get("capabilities", NO_RAW), urls=version == LATEST_LEGACY)
    if visit.session is not None:  # HTTP+SSE: it began with the stream
        visit.session.version = version
    else:
        visit.session = visit.gateway.sessions.open(visit.principal.client_id, version)
        visit.response.headers.append((SESSION, visit.session.id.encode()))
    visit.session.capabilities = declared
    return answers.initialize(visit.view(), version)
