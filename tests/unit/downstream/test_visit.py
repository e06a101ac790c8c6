"""One message in progress: what its sender sees, and what goes to a server."""

import msgspec
import pytest

from app.config.keys import Principal
from app.downstream.response import RelayResponse
from app.downstream.visit import Visit
from app.gateway.gateway import Gateway
from app.protocol.classify import Inbound, classify
from app.protocol.faults import Fault
from app.protocol.versions import Era
from app.relay import logs
from tests.unit.downstream.conftest import ANN, BOB, headers, message
from tests.unit.downstream.wire import Wire, scope


def visit(house: Gateway, who: Principal = ANN, only: str = "", *, modern: bool = False, level: str = "") -> Visit:
    sent, wire = headers("tools/call", "x", modern=modern), Wire()
    body = message("tools/call", {"name": "x"}, modern=modern)
    if level:
        body = body.replace(b'"_meta": {', b'"_meta": {"%b": "%b", ' % (logs.LOG_LEVEL.encode(), level.encode()))
    inbound = classify(sent, body)
    assert isinstance(inbound, Inbound)
    session = None if modern else house.sessions.open(who.client_id, "2025-11-25")
    response = RelayResponse(wire.receive, wire.send, "r", inbound.era, b"1")
    return Visit(house, scope("POST", sent), who, only, inbound, session, response, wire.send)


async def test_it_sees_what_its_senders_key_and_its_path_show(house: Gateway) -> None:
    seen = {
        (who.client_id, only): [source.server for source in visit(house, who, only).view().sources]
        for who, only in ((ANN, ""), (ANN, "b"), (BOB, ""))
    }
    assert seen == {("ann", ""): ["a", "b"], ("ann", "b"): ["b"], ("bob", ""): ["b"]}


async def test_what_goes_to_a_server_is_whose_it_is_and_carries_its_sessions_level(house: Gateway) -> None:
    legacy = visit(house)
    assert legacy.session is not None
    legacy.session.log_level = 3
    call = legacy.call("b")
    assert (call.client_id, call.session, call.era, call.only) == ("ann", legacy.session, Era.LEGACY, "b")
    assert call.meta == {logs.LOG_LEVEL: msgspec.Raw(b'"warning"')}
    assert call.view() is legacy.view()
    assert visit(house, modern=True).call().session is None


@pytest.mark.parametrize(("kept", "level"), [(None, logs.UNSET), (3, 3)])
async def test_a_session_hears_from_its_level_on(house: Gateway, kept: int | None, level: int) -> None:
    legacy = visit(house)
    assert legacy.session is not None
    legacy.session.log_level = kept
    assert legacy.log_level() == level


async def test_a_modern_request_hears_what_it_asks_for(house: Gateway) -> None:
    assert visit(house, modern=True).log_level() == logs.NOTHING
    assert visit(house, modern=True, level="error").log_level() == 4
    assert isinstance(visit(house, modern=True, level="loud").log_level(), Fault)
