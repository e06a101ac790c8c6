"""Who may hear of which resource: the requests that ask for it, of either era.

A URI is looked up as a read of it is, and asked of the first server that has it and tells of changes (PROTOCOL.md
section 8, "resources subscribe/unsubscribe").
"""

import asyncio
from collections.abc import Sequence

import msgspec

from app.gateway.addressing import addresses, to_raw
from app.gateway.gateway import Gateway
from app.gateway.sessions import Session
from app.gateway.watching import Hearer
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import text_of
from app.protocol.versions import Era
from app.relay.catalog import Members, tells_updates
from app.relay.events import PeerError, Result
from app.relay.listen import MAX_RESOURCES
from app.relay.view import View

DONE = Result(msgspec.Raw(b"{}"), Era.LEGACY)
NAMELESS = Fault(Kind.METHOD_NOT_FOUND, "Changes are told on the stream of a session: send initialize first.")
TOO_MANY = Fault(Kind.INVALID_PARAMS, f"A session hears of {MAX_RESOURCES} resources at most.")
NO_URI = Fault(Kind.INVALID_PARAMS, "`params.uri` must be a string.")


async def subscribe(gateway: Gateway, session: Session, view: View, params: Members) -> Result | PeerError | Fault:
    """Answer `resources/subscribe`."""
    uri = text_of(params.get("uri"))
    if uri is None:
        return NO_URI
    if not session.id:
        return NAMELESS
    if uri in session.subscribed:
        return DONE
    if len(session.subscribed) >= MAX_RESOURCES:
        return TOO_MANY
    if not session.owed:
        session.owed.append(lambda: _release(gateway, session))
    found = await watch(gateway, view, uri, session, undeclared=True)
    if not isinstance(found, str):
        return found
    if session.over:
        gateway.watching.drop(found, uri, session)
    else:
        session.subscribed[uri] = found
    return DONE


def unsubscribe(gateway: Gateway, session: Session, params: Members) -> Result | Fault:
    """Answer `resources/unsubscribe`; what nobody subscribed to is not heard of either."""
    uri = text_of(params.get("uri"))
    if uri is None:
        return NO_URI
    server = session.subscribed.pop(uri, None)
    if server is not None:
        gateway.watching.drop(server, uri, session)
    return DONE


async def watch_all(gateway: Gateway, view: View, uris: Sequence[str], hearer: Hearer) -> dict[str, str]:
    """Those of `uris` that the hearer is told of from here on, each with its server."""
    async with asyncio.TaskGroup() as tasks:
        asked = {uri: tasks.create_task(watch(gateway, view, uri, hearer)) for uri in uris}
    found = {uri: task.result() for uri, task in asked.items()}
    return {uri: server for uri, server in found.items() if isinstance(server, str)}


async def watch(
    gateway: Gateway, view: View, uri: str, hearer: Hearer, *, undeclared: bool = False
) -> str | PeerError | Fault:
    """The server that tells `hearer` of changes of `uri` from here on; or why none does.

    `undeclared`: where none has said that it would, the first one is asked all the same: the SDK's servers of the first
    generation take the request and never declare it.
    """
    found = addresses(view, "resources/read", {"uri": to_raw(uri)})
    if isinstance(found, Fault):
        return found
    refusal: PeerError | Fault | None = None
    upstreams = gateway.current.upstreams
    there = [address for address in found if address.server in upstreams]
    able = [address for address in there if tells_updates(upstreams[address.server].capabilities)]
    for address in able or (there[:1] if undeclared else []):
        refusal = await gateway.watching.add(address.server, uri, hearer)
        if refusal is None:
            return address.server
    server = found[0].server
    return refusal or Fault(Kind.METHOD_NOT_FOUND, f"Server {server} tells of no changes of its resources.", server)


def _release(gateway: Gateway, session: Session) -> None:
    for uri, server in session.subscribed.items():
        gateway.watching.drop(server, uri, session)
    session.subscribed.clear()
