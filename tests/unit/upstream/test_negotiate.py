import json
from typing import Any

import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.upstream.connection import Connection
from app.upstream.errors import EraRefused, HttpRefusal, UpstreamError
from app.upstream.negotiate import discover, initialize
from tests.support.recorded import RecordedWire

ABOUT = {"capabilities": {"tools": {}, "own": {"x": 1.0}}, "serverInfo": {"name": "s", "version": "1", "own": 1}}
HELLO = {"protocolVersion": "2025-06-18", "instructions": "Take care.", **ABOUT}
FOUND = {"supportedVersions": ["2026-07-28"], "resultType": "complete", "ttlMs": 0, "cacheScope": "private", **ABOUT}


def connected(answers: dict[str, Any]) -> tuple[Connection, RecordedWire]:
    """What each method is answered with: a result, an error's code, or a fault of the wire."""
    wire = RecordedWire()

    def answer(message: dict[str, Any]) -> bytes | None:
        if "id" not in message or message["method"] not in answers:
            return None
        found = answers[message["method"]]
        if isinstance(found, Fault):
            connection.failed(message["id"], found)
            return None
        member = {"error": {"code": found, "message": "no"}} if isinstance(found, int) else {"result": found}
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], **member}).encode()

    wire.answer = answer
    connection = wire.receiver = Connection(wire, "files")
    return connection, wire


async def test_initialize_agrees_on_a_revision_and_declares_nothing() -> None:
    connection, wire = connected({"initialize": HELLO})
    found = await initialize(connection)
    assert (found.era, found.version, found.instructions) == (Era.LEGACY, "2025-06-18", "Take care.")
    assert bytes(found.capabilities["own"]) == b'{"x": 1.0}'
    assert json.loads(bytes(found.server_info))["own"] == 1
    assert (connection.era, connection.version) == (Era.LEGACY, "2025-06-18")
    hello, done = wire.messages
    assert hello["params"]["capabilities"] == {}
    assert hello["params"]["clientInfo"]["name"] == "mcp-proxy"
    assert done["method"] == "notifications/initialized"


async def test_declared_capabilities_are_written_as_given() -> None:
    connection, wire = connected({"initialize": HELLO, "server/discover": FOUND})
    declared = {"elicitation": {"form": {}}, "own": {"n": 1}}
    await initialize(connection, declared)
    await discover(connection, 1, declared)
    assert wire.messages[0]["params"]["capabilities"] == declared
    assert wire.messages[-1]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] == declared


async def test_discover_finds_the_modern_era_and_what_is_said_of_the_other() -> None:
    connection, wire = connected({"server/discover": FOUND})
    found = await discover(connection, 1)
    assert (found.era, found.version, found.legacy_too) == (Era.MODERN, "2026-07-28", False)
    assert connection.era is Era.MODERN
    headers = {name.lower(): value for name, value in wire.sent[0].headers.items()}
    assert headers["mcp-protocol-version"] == "2026-07-28"
    assert headers["mcp-method"] == "server/discover"
    both = {**FOUND, "supportedVersions": ["2025-11-25", "2026-07-28"]}
    assert (await discover(connected({"server/discover": both})[0], 1)).legacy_too


@pytest.mark.parametrize(
    "answer", [-32601, -32022, {}, {"protocolVersion": "1999-01-01", **ABOUT}, {**HELLO, "capabilities": 7}]
)
async def test_anything_but_a_good_answer_to_initialize_is_a_refusal(answer: Any) -> None:
    with pytest.raises(EraRefused) as caught:
        await initialize(connected({"initialize": answer})[0])
    assert caught.value.fault.server == "files"


@pytest.mark.requirement("era.fallback")
@pytest.mark.parametrize("answer", [-32601, -32022, -32000, {}, {**FOUND, "supportedVersions": ["2025-11-25"]}])
async def test_any_answer_to_discover_that_is_not_modern_is_a_refusal(answer: Any) -> None:
    with pytest.raises(EraRefused):
        await discover(connected({"server/discover": answer})[0], 1)


async def test_silence_is_a_refusal_after_the_time_given_and_nothing_is_cancelled() -> None:
    connection, wire = connected({})
    with pytest.raises(EraRefused) as caught:
        await discover(connection, 0.01)
    assert caught.value.fault.kind is Kind.TIMEOUT
    assert [m["method"] for m in wire.messages] == ["server/discover"]


@pytest.mark.parametrize(
    ("status", "refused"),
    [(400, True), (404, True), (405, True), (500, True), (401, False), (403, False), (429, False), (503, False)],
)
async def test_a_status_is_an_answer_unless_it_speaks_of_the_caller_or_the_moment(status: int, refused: bool) -> None:
    refusal = HttpRefusal(Kind.PROTOCOL, "no", server="files", status=status)
    with pytest.raises(UpstreamError) as caught:
        await discover(connected({"server/discover": refusal})[0], 1)
    assert isinstance(caught.value, EraRefused) is refused
    assert caught.value.fault is refusal


async def test_a_server_that_cannot_be_reached_has_refused_nothing() -> None:
    for kind in (Kind.UNREACHABLE, Kind.CLOSED):
        with pytest.raises(UpstreamError) as caught:
            await initialize(connected({"initialize": Fault(kind, "gone")})[0])
        assert not isinstance(caught.value, EraRefused)
