"""From a classified request to a running driver: which server, which connection, which limits.

The rest of a call is the driver's. A resource that no server lists is asked of each that has resources, in config
order, until one answers with a result (PROTOCOL.md section 8, resource URIs).
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from app.config.snapshot import METHOD_TIMEOUT, ServerSpec
from app.gateway.addressing import Address, addresses
from app.gateway.driver import ClientResponse, Driver
from app.gateway.gateway import Gateway
from app.gateway.sessions import Session
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import Message
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.versions import Era
from app.relay.answerable import NONE, answerable
from app.relay.catalog import Members
from app.relay.continuation import ASKABLE, REFUSED, STATE, Turn, binding_of, with_state
from app.relay.events import Noticed, PeerError, Request, Result
from app.relay.view import View
from app.upstream.upstream import Upstream

# Never sent: the call goes on to the server whose name it is.
ELSEWHERE = Fault(Kind.HIDDEN, "The call is another server's.")


class Relayed(msgspec.Struct, frozen=True):
    """A request on its way: whose it is, in which legacy session if any and which era, and what it says.

    `meta` and `token` are what was read from its `_meta`; `view` gives the caller's present view; `turn` is what it
    continues, where it answers a server's question.
    """

    client_id: str
    session: Session | None
    era: Era
    message: Message
    meta: Members
    token: bytes
    view: Callable[[], View]
    turn: Turn | None = None


async def relay(gateway: Gateway, call: Relayed, response: ClientResponse) -> str:
    """Relay one call and answer it through `response`. Returns the name of the server it went to, for the log."""
    resumed = _resumed(gateway, call)
    if isinstance(resumed, Fault):
        await response.reply(resumed)
        return ""
    call = resumed
    while True:
        found = _addresses(call)
        if isinstance(found, Fault):
            await response.reply(found)
            return ""
        *others, last = found
        if not last.provisional:
            break
        guess = Guess(response)
        await _drive(gateway, call, last, guess)
        if not guess.wrong:
            return last.server
    for address in others:
        probe = Probe(response)
        await _drive(gateway, call, address, probe)
        if probe.settled:
            if probe.outcome is not None:
                await response.reply(probe.outcome)
            return address.server
    await _drive(gateway, call, last, response)
    return last.server


def _resumed(gateway: Gateway, call: Relayed) -> Relayed | Fault:
    """The call; where it carries a state of ours, with the server's own state, and going to that server alone."""
    message = call.message
    state = message.params.get(STATE)
    if state is None or bytes(state) == b"null" or message.method not in ASKABLE:
        return call
    turn = gateway.continuations.resume(state, _binding(call))
    if isinstance(turn, Fault):
        return turn
    return replace(call, message=replace(message, params=with_state(message.params, turn)), turn=turn)


def _binding(call: Relayed) -> bytes:
    return binding_of(call.client_id, call.message.method, call.message.params)


def _addresses(call: Relayed) -> list[Address] | Fault:
    found = addresses(call.view(), call.message.method, call.message.params)
    if call.turn is None or isinstance(found, Fault):
        return found
    asked = call.turn.server
    return [address for address in found if address.server == asked] or REFUSED


async def _drive(gateway: Gateway, call: Relayed, address: Address, response: ClientResponse) -> None:
    upstream, spec = gateway.current.upstreams.get(address.server), gateway.current.specs.get(address.server)
    if upstream is None or spec is None:
        # A reload took it away between two questions.
        await response.reply(Fault(Kind.CLOSED, f"Server {address.server} was removed.", server=address.server))
        return
    if (
        call.message.method == "completion/complete"
        and upstream.catalog
        and "completions" not in upstream.catalog.capabilities
    ):
        await response.reply(Fault(Kind.METHOD_NOT_FOUND, f"Server {address.server} completes nothing."))
        return
    driver = Driver(gateway.tasks, upstream, call.era, pool_key(spec, call), limits(spec, call.message.method))
    driver.client = call.client_id
    driver.key_on = lambda spec: pool_key(spec, call)
    if call.era is Era.MODERN and call.message.method in ASKABLE:
        driver.ask = lambda question: gateway.continuations.ask(question, address.server, _binding(call), call.turn)
    if isinstance(response, Guess):
        driver.addressed = lambda: _addressed_again(call, upstream, response)
    ident = bytes(call.message.id)
    gateway.drivers.add(driver)
    if call.session is not None:
        call.session.started(ident, driver.inbox)
    try:
        await driver.run(_request(call, upstream, address), response)
    finally:
        gateway.over(driver)
        if call.session is not None:
            call.session.ended(ident, driver.inbox)
            gateway.sessions.rested(call.session)


def _addressed_again(call: Relayed, upstream: Upstream, guess: "Guess") -> Request | Fault:
    """The request once its server has been listed: by now its names are known, and may turn out to be another's."""
    found = _addresses(call)
    if isinstance(found, Fault):
        return found
    here = next((address for address in found if address.server == upstream.spec.name), None)
    if here is None:
        guess.wrong = True
        return ELSEWHERE
    return _request(call, upstream, here)


def _request(call: Relayed, upstream: Upstream, address: Address) -> Request:
    # A legacy client's session is none that a modern server could ask through.
    declared = call.meta.get(CLIENT_CAPABILITIES) if call.era is Era.MODERN else None
    capabilities = answerable(declared, roots=upstream.spec.roots) if declared else NONE
    return Request(call.message.method, address.params, call.meta, call.token, capabilities)


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


class Onlooker:
    """Stands before a client whose call may have to go on to another server. Watches it and keeps it alive."""

    def __init__(self, client: ClientResponse) -> None:
        self._client = client
        self.hung_up = client.hung_up

    @property
    def gone(self) -> bool:
        return self._client.gone

    async def keep_alive(self) -> None:
        await self._client.keep_alive()

    async def closed(self) -> None:
        await self._client.closed()


class Guess(Onlooker):
    """The client of a call to a server not listed yet: once `wrong`, the name is another's and no answer is passed."""

    def __init__(self, client: ClientResponse) -> None:
        super().__init__(client)
        self.wrong = False

    async def stream(self, notice: Noticed) -> None:
        await self._client.stream(notice)

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        if not self.wrong:
            await self._client.reply(outcome)


class Probe(Onlooker):
    """Takes an answer for us instead of sending it."""

    def __init__(self, client: ClientResponse) -> None:
        super().__init__(client)
        self.outcome: Result | PeerError | Fault | None = None

    @property
    def settled(self) -> bool:
        """No other server need be asked: this one has it, or the call is over (hung up, cancelled, at a stop)."""
        if isinstance(self.outcome, Fault):
            return self.outcome.server is None
        return not isinstance(self.outcome, PeerError)

    async def stream(self, notice: Noticed) -> None:
        """Nothing: which server will answer is not known yet."""

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        self.outcome = outcome
