"""From a classified request to a running driver: which server, which connection, which limits.

The rest of a call is the driver's. A resource that no server lists is asked of each that has resources, in config
order, until one answers with a result (PROTOCOL.md section 8, resource URIs).
"""

from collections.abc import Callable

import msgspec

from app.config.snapshot import METHOD_TIMEOUT, ServerSpec
from app.gateway.addressing import Address, addresses
from app.gateway.driver import ClientResponse, Driver
from app.gateway.gateway import Gateway
from app.gateway.sessions import Session
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import Message
from app.protocol.versions import Era
from app.relay.catalog import Members
from app.relay.events import Noticed, PeerError, Request, Result
from app.relay.view import View
from app.upstream.upstream import Upstream


class Relayed(msgspec.Struct, frozen=True):
    """A request on its way: whose it is, in which legacy session if any and which era, and what it says.

    `meta` and `token` are what was read from its `_meta`; `view` gives the caller's present view.
    """

    client_id: str
    session: Session | None
    era: Era
    message: Message
    meta: Members
    token: bytes
    view: Callable[[], View]


async def relay(gateway: Gateway, call: Relayed, response: ClientResponse) -> str:
    """Relay one call and answer it through `response`. Returns the name of the server it went to, for the log."""
    found = addresses(call.view(), call.message.method, call.message.params)
    if isinstance(found, Fault):
        await response.reply(found)
        return ""
    *others, last = found
    for address in others:
        probe = Probe(response)
        await _drive(gateway, call, address, probe)
        if isinstance(probe.outcome, Result):
            await response.reply(probe.outcome)
            return address.server
    await _drive(gateway, call, last, response)
    return last.server


async def _drive(gateway: Gateway, call: Relayed, address: Address, response: ClientResponse) -> None:
    upstream = gateway.current.upstreams[address.server]
    if (
        call.message.method == "completion/complete"
        and upstream.catalog
        and "completions" not in upstream.catalog.capabilities
    ):
        await response.reply(Fault(Kind.METHOD_NOT_FOUND, f"Server {address.server} completes nothing."))
        return
    driver = Driver(
        gateway.tasks, upstream, call.era, pool_key(upstream.spec, call), limits(upstream.spec, call.message.method)
    )
    if address.provisional:
        driver.addressed = lambda: _addressed_again(call, upstream)
    ident = bytes(call.message.id)
    gateway.drivers.add(driver)
    if call.session is not None:
        call.session.started(ident, driver.inbox)
    try:
        await driver.run(Request(call.message.method, address.params, call.meta, call.token), response)
    finally:
        gateway.drivers.discard(driver)
        if call.session is not None:
            call.session.ended(ident, driver.inbox)


def _addressed_again(call: Relayed, upstream: Upstream) -> Request | Fault:
    """The request once its server has been listed: by now its names are known."""
    found = addresses(call.view(), call.message.method, call.message.params)
    if isinstance(found, Fault):
        return found
    params = next((address.params for address in found if address.server == upstream.spec.name), found[0].params)
    return Request(call.message.method, params, call.meta, call.token)


def limits(spec: ServerSpec, method: str) -> tuple[float, float]:
    """Seconds a call may take without a sign of life, and in all."""
    silence = spec.timeout if method == "tools/call" else METHOD_TIMEOUT
    return min(silence, spec.max_timeout), spec.max_timeout


def pool_key(spec: ServerSpec, call: Relayed) -> str:
    """Whose connection it is: everybody's, the client's or the session's (INTERFACE, `pool`)."""
    if spec.pool == "client":
        return call.client_id
    if spec.pool == "session":
        return (call.session.id if call.session else "") or call.client_id
    return ""


class Probe:
    """Takes an answer for us instead of sending it; the client behind it is watched all the same."""

    def __init__(self, client: ClientResponse) -> None:
        self._client = client
        self.hung_up = client.hung_up
        self.outcome: Result | PeerError | Fault | None = None

    async def stream(self, notice: Noticed) -> None:
        """Nothing: which server will answer is not known yet."""

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        self.outcome = outcome

    async def keep_alive(self) -> None:
        await self._client.keep_alive()

    async def closed(self) -> None:
        await self._client.closed()
