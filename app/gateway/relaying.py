"""From a classified request to a running driver: which server, which connection, which limits.

The rest of a call is the driver's. A resource that no server lists is asked of each that has resources, in config
order, until one answers with a result (PROTOCOL.md section 8, resource URIs).
"""

import logging

from msgspec.structs import replace

from app.config.snapshot import METHOD_TIMEOUT, ServerSpec
from app.gateway.addressing import Address, addresses, to_raw
from app.gateway.afterwards import Afterwards, outlasts
from app.gateway.client_response import ClientResponse
from app.gateway.driver import Driver
from app.gateway.gateway import Gateway
from app.gateway.introducing import answers_in, asker_of, introduce
from app.gateway.onlookers import ELSEWHERE, Guess, Probe, Renamer
from app.gateway.relayed import Relayed
from app.protocol.classify import read_head
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import text_of
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.methods import METHODS
from app.protocol.mirrored import check_params
from app.protocol.versions import LATEST_LEGACY, Era
from app.relay import tasks
from app.relay.answerable import NONE, answerable
from app.relay.catalog import Members
from app.relay.continuation import ASKABLE, REFUSED, STATE, Turn, with_state
from app.relay.events import Request
from app.upstream.errors import UpstreamError
from app.upstream.upstream import Upstream

log = logging.getLogger("app.gateway")

# Milliseconds for which a task that we run is to be kept, beyond what its call may take.
TASK_MARGIN = 60_000
# What may take as long as a tool does.
_LASTING = frozenset({"tools/call", "tasks/result"})


async def relay(gateway: Gateway, call: Relayed, response: ClientResponse) -> str:
    """Relay one call and answer it through `response`. Returns the name of the server it went to, for the log."""
    if call.only or call.message.method in tasks.METHODS:
        address = _of_task(gateway, call) if not call.only else Address(call.only, _plain(call))
        if isinstance(address, Fault):
            await response.reply(address)
            return ""
        await _drive(gateway, call, address, _named(gateway, call, address, response))
        return address.server
    resumed = _resumed(gateway, call)
    if isinstance(resumed, Fault):
        await response.reply(resumed)
        return ""
    call = resumed
    if call.turn is not None and call.turn.call:
        await _come_back(gateway, call, call.turn, response)
        return call.turn.server
    while True:
        found = _addresses(call)
        if isinstance(found, Fault):
            await response.reply(found)
            return ""
        *others, last = found
        if not last.provisional:
            break
        guess = Guess(_named(gateway, call, last, response))
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
    await _drive(gateway, call, last, _named(gateway, call, last, response))
    return last.server


async def tell(gateway: Gateway, call: Relayed) -> None:
    """Relay a notification that no revision has to the one server that it was sent to; lost where that is down."""
    upstream, spec = gateway.current.upstreams.get(call.only), gateway.current.specs.get(call.only)
    if upstream is None or spec is None:
        return
    try:
        lease = await upstream.acquire(call.era, pool_key(spec, call))
    except UpstreamError as error:
        log.info("server=%s %s is lost: %s", call.only, call.message.method, error.fault.message)
        return
    lease.connection.tell(_request(call, spec, Address(call.only, _plain(call))))
    lease.release()


def _plain(call: Relayed) -> Members:
    return {name: value for name, value in call.message.params.items() if name != "_meta"}


def _of_task(gateway: Gateway, call: Relayed) -> Address | Fault:
    """The server whose task it is, and the task's own id there."""
    params = _plain(call)
    ours = text_of(params.get("taskId"))
    if ours is None:
        return Fault(Kind.INVALID_PARAMS, "`params.taskId` must be a string.")
    found = gateway.task_ids.theirs(ours, call.client_id)
    if found is None or all(source.server != found[0] for source in call.view().sources):
        return tasks.UNKNOWN
    return Address(found[0], {**params, "taskId": to_raw(found[1])})


def _named(gateway: Gateway, call: Relayed, address: Address, response: ClientResponse) -> ClientResponse:
    """The client; where the answer may be a task, behind what gives tasks our names."""
    method = call.message.method
    may_be_task = method in tasks.METHODS or (
        method == "tools/call" and ("task" in call.message.params or tasks.declared(call.meta.get(CLIENT_CAPABILITIES)))
    )
    if not may_be_task:
        return response
    server, client = address.server, call.client_id
    return Renamer(response, lambda theirs: gateway.task_ids.ours(server, theirs, client), server)


def _resumed(gateway: Gateway, call: Relayed) -> Relayed | Fault:
    """The call; where it carries a state of ours, with the server's own state, and going to that server alone."""
    message = call.message
    state = message.params.get(STATE)
    if state is None or bytes(state) == b"null" or message.method not in ASKABLE:
        return call
    turn = gateway.continuations.resume(state, call.binding)
    if isinstance(turn, Fault):
        return turn
    return replace(call, message=replace(message, params=with_state(message.params, turn)), turn=turn)


def _addresses(call: Relayed) -> list[Address] | Fault:
    found = addresses(call.view(), call.message.method, call.message.params)
    if not isinstance(found, Fault) and found[0].mirrored and call.era is Era.MODERN:
        mismatch = check_params(found[0].mirrored, found[0].params.get("arguments"), call.headers)
        if mismatch:
            return Fault(Kind.HEADER_MISMATCH, mismatch)
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
    if call.message.method in ASKABLE:
        driver.asker = asker_of(call, spec)
        driver.introduced = lambda driver: introduce(gateway, call, driver, spec)
    if address.provisional or address.as_task or outlasts(call):
        driver.sends = Afterwards(gateway, call, spec.name, driver.inbox).send
    if upstream.spec.remote:
        # What its client mirrored was right by what it had been shown: that is not looked at again.
        driver.renewed = lambda: _anew(call, upstream, addresses(call.view(), call.message.method, call.message.params))
    if isinstance(response, Guess):
        driver.addressed = lambda: response.judged(_anew(call, upstream, _addresses(call)))
    ident = bytes(call.message.id)
    gateway.drivers.add(driver)
    if call.session is not None:
        call.session.started(ident, driver.inbox)

    def ended(driver: Driver) -> None:
        gateway.over(driver)
        if call.session is not None:
            call.session.ended(ident, driver.inbox)
            gateway.sessions.rested(call.session)

    driver.on_over, driver.on_parked = ended, gateway.parked
    await driver.run(_request(call, spec, address), response)


async def _come_back(gateway: Gateway, call: Relayed, turn: Turn, response: ClientResponse) -> None:
    """Go on with the call that waits for these answers."""
    found = _addresses(call)
    driver = None if isinstance(found, Fault) else gateway.parking.claim(turn.call, turn.number)
    if driver is None:
        await response.reply(found if isinstance(found, Fault) else REFUSED)
    else:
        assert isinstance(found, list), "there is no driver where there is no address"
        await driver.resume(answers_in(call.message.params), _named(gateway, call, found[0], response))


def _anew(call: Relayed, upstream: Upstream, found: list[Address] | Fault) -> Request | Fault:
    """The request by what its server lists now; `ELSEWHERE` where what it names turns out to be another's."""
    if isinstance(found, Fault):
        return found
    here = next((address for address in found if address.server == upstream.spec.name), None)
    return ELSEWHERE if here is None else _request(call, upstream.spec, here)


def _request(call: Relayed, spec: ServerSpec, address: Address) -> Request:
    capabilities = answerable(call.declared, roots=spec.roots) if spec.pool != "one" else NONE
    ttl = int(spec.max_timeout * 1000) + TASK_MARGIN if address.as_task and not _knows_tasks(call) else 0
    return Request(call.message.method, address.params, call.meta, call.token, capabilities, address.mirrored, ttl)


def _knows_tasks(call: Relayed) -> bool:
    """Whether the client itself can make the task that a legacy server wants: a matter of its revision."""
    if call.era is Era.MODERN or call.session is None:
        return False
    version = call.session.version if call.session.id else read_head(call.headers).version.decode("latin-1")
    return version == LATEST_LEGACY


def limits(spec: ServerSpec, method: str) -> tuple[float, float]:
    """Seconds a call may take without a sign of life, and in all."""
    silence = METHOD_TIMEOUT if method in METHODS and method not in _LASTING else spec.timeout
    return min(silence, spec.max_timeout), spec.max_timeout


def pool_key(spec: ServerSpec, call: Relayed) -> str:
    """Whose connection it is: everybody's, the client's or the session's (INTERFACE, `pool`)."""
    if spec.pool == "client":
        return call.client_id
    if spec.pool == "session":
        return (call.session.id if call.session else "") or call.client_id
    return ""
