"""Says of a call whether and how its client is asked what its server wants to know.

The one place that tells the client's era apart for questions; `relay.asking` has what follows from it.
"""

import secrets
from weakref import ref

from app.config.snapshot import ServerSpec
from app.gateway.driver import Driver
from app.gateway.gateway import Gateway
from app.gateway.relayed import Relayed
from app.gateway.sessions import Session
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay import tasks
from app.relay.answerable import questionable
from app.relay.asking import SessionClient, StatelessClient
from app.relay.catalog import Members
from app.relay.continuation import ANSWERS
from app.relay.events import Given, Result
from app.upstream.leases import Asker


def asker_of(call: Relayed, spec: ServerSpec) -> Asker | None:
    """Whose session at the server of `spec` a call may need; None for everybody's."""
    declared = call.declared
    if spec.pool == "one" or bytes(declared) == b"{}":
        return None
    told = questionable(declared, roots=spec.roots)
    # A legacy server knows a task in the session that made it alone: all that concerns tasks uses the shared one.
    if told == b"{}" or call.message.method in tasks.METHODS or "task" in call.message.params:
        return None
    if call.era is Era.MODERN or call.session is None:
        return Asker(f"client {call.client_id}", told, alone=True)
    return Asker(_owner(call.session), told)


def introduce(gateway: Gateway, call: Relayed, driver: Driver, spec: ServerSpec) -> None:
    """Give the driver of a call to the server of `spec` its client, as one who may be asked."""
    members = members_of(call.declared) or {}
    if call.era is Era.MODERN:
        _introduce_stateless(gateway, call, driver, spec, members)
    else:
        session = call.session
        assert session is not None, "a legacy call without a session id has one without a name"
        driver.asked = session.asked if call.streams and session.id else None
        driver.asking = SessionClient(
            spec.name,
            session.version,
            {} if spec.pool == "one" else members,
            lambda: secrets.token_urlsafe(12),
            roots=spec.roots,
            tool=call.message.method == "tools/call",
        )


def roots_changed(gateway: Gateway, session: Session) -> None:
    """A client says that its folders are others now. Only servers of its own era know such a message."""
    for upstream in gateway.current.upstreams.values():
        upstream.roots_changed(_owner(session))


def _owner(session: Session) -> str:
    return f"session {session.id}"


def _introduce_stateless(gateway: Gateway, call: Relayed, driver: Driver, spec: ServerSpec, declared: Members) -> None:
    place = ""
    this = ref(driver)  # see `Driver`: nothing may hold it that it holds

    def seal(question: Result, rounds: int) -> Result | Fault:
        nonlocal place
        if not rounds:
            return gateway.continuations.ask(question, spec.name, call.binding, call.turn)
        waiting = this()
        assert waiting is not None, "whoever asks is under way"
        place = gateway.parking.park(place, waiting, rounds)
        return gateway.continuations.wait(question, spec.name, call.binding, rounds, place)

    def full() -> Fault | None:
        if place or gateway.parking.has_room(call.client_id):
            return None
        return Fault(Kind.BUSY, "Too many calls wait for answers of this client; answer them first.", spec.name)

    on_over = driver.on_over

    def over(driver: Driver) -> None:
        if driver.kept is None:
            gateway.parking.forget(place)
        if on_over is not None:
            on_over(driver)

    driver.on_over = over
    driver.asking = StatelessClient(spec.name, declared, seal, full, roots=spec.roots, one=spec.pool == "one")


def answers_in(params: Members) -> dict[str, Given]:
    """What a retry answers. What is no object is no answer, and is asked for again."""
    answers = members_of(params.get(ANSWERS, b"")) or {}
    return {key: given for key, given in answers.items() if bytes(given).lstrip()[:1] == b"{"}
