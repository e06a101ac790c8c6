"""What the gateway answers itself, once what it depends on is there."""

import json
from typing import Any

import pytest

from app.downstream.answering import SESSION, answer
from app.downstream.response import RelayResponse
from app.downstream.visit import Visit
from app.gateway.gateway import Gateway
from app.protocol.classify import Inbound, classify
from app.protocol.methods import METHODS
from tests.unit.downstream.conftest import ANN, headers, message
from tests.unit.downstream.wire import Wire, scope


async def answered(house: Gateway, method: str, params: dict[str, Any], *, stream: bool = False) -> tuple[Visit, Wire]:
    wire, sent = Wire(), headers()
    inbound = classify(sent, message(method, params))
    assert isinstance(inbound, Inbound)
    response = RelayResponse(wire.receive, wire.send, "r", inbound.era, b"1")
    session = house.sessions.open("ann", "2024-11-05") if stream else None
    visit = Visit(house, scope("POST", sent), ANN, "", inbound, session, response, wire.send)
    await answer(visit, METHODS[method])
    return visit, wire


HELLO = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {}}}


async def test_a_handshake_opens_a_session_of_the_revision_agreed_on(house: Gateway) -> None:
    visit, wire = await answered(house, "initialize", HELLO)
    session = house.sessions.find("ann", wire.headers[SESSION].decode())
    assert session is visit.session is not None
    assert (session.version, bytes(session.capabilities)) == ("2025-11-25", b'{"roots":{}}')
    assert json.loads(wire.body)["result"]["protocolVersion"] == "2025-11-25"


async def test_a_handshake_on_a_stream_of_its_own_goes_on_in_its_session(house: Gateway) -> None:
    visit, wire = await answered(house, "initialize", {**HELLO, "protocolVersion": "2024-11-05"}, stream=True)
    assert SESSION not in wire.headers
    assert visit.session is not None
    assert (visit.session.version, bytes(visit.session.capabilities)) == ("2024-11-05", b'{"roots":{}}')


async def test_a_list_is_whole_and_one_piece_of_json(house: Gateway) -> None:
    _, wire = await answered(house, "tools/list", {})
    assert {tool["name"].split("__")[0] for tool in json.loads(wire.body)["result"]["tools"]} == {"a", "b"}
    assert int(wire.headers[b"content-length"]) == len(wire.body)


@pytest.mark.parametrize(
    ("method", "params", "told"),
    [
        ("ping", {}, {"result": {}}),
        ("tools/list", {"cursor": "x"}, -32602),
        ("initialize", {}, -32602),
    ],
)
async def test_what_needs_nothing_and_what_is_wrong_is_said_at_once(
    house: Gateway, method: str, params: dict[str, Any], told: Any
) -> None:
    visit, wire = await answered(house, method, params)
    found = json.loads(wire.body)
    assert (found["error"]["code"] if "error" in found else {"result": found["result"]}) == told
    assert visit.response.outcome == ("ok" if "result" in found else "invalid_params")
