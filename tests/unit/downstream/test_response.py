"""The answer to a call: committed late, whole, and never to a client that left."""

import asyncio
import json

import msgspec
import pytest

from app.downstream import response as module
from app.downstream.response import RelayResponse, send_empty, send_json
from app.gateway import clock
from app.protocol.classify import Accept
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Noticed, PeerError, Result
from tests.unit.downstream.wire import Wire

BOTH = Accept(json=True, stream=True)
STREAM = Accept(json=False, stream=True, stream_first=True)
RATHER_A_STREAM = Accept(json=True, stream=True, stream_first=True)
RESULT = Result(msgspec.Raw(b'{"content":[]}'), Era.LEGACY)
PROGRESS = Noticed("notifications/progress", msgspec.Raw(b'{"progressToken":9,"progress":1}'))


def answer(wire: Wire, era: Era = Era.LEGACY, accept: Accept = BOTH) -> RelayResponse:
    response = RelayResponse(wire.receive, wire.send, "r-1", era, b'"id"')
    response.expects("tools/call", b'"mine"', accept)
    return response


@pytest.mark.requirement("http.answer")
async def test_an_answer_that_nothing_precedes_is_json_under_the_clients_own_id() -> None:
    wire = Wire()
    response = answer(wire)
    await response.reply(RESULT)
    assert wire.body == b'{"jsonrpc":"2.0","id":"id","result":{"content":[]}}'
    assert wire.headers[b"content-type"] == b"application/json"
    assert wire.headers[b"content-length"] == b"%d" % len(wire.body)
    assert (wire.status, wire.ended, response.outcome) == (200, True, "ok")


@pytest.mark.requirement("http.answer")
async def test_a_notification_commits_to_a_stream_that_ends_with_the_answer() -> None:
    wire = Wire()
    response = answer(wire)
    await response.stream(PROGRESS)
    await response.reply(RESULT)
    assert wire.headers[b"content-type"] == b"text/event-stream"
    assert wire.headers[b"x-accel-buffering"] == b"no"
    events = [json.loads(line.removeprefix(b"data: ")) for line in wire.body.splitlines() if line.startswith(b"data: ")]
    assert events[0]["params"] == {"progressToken": "mine", "progress": 1}
    assert events[1]["id"] == "id"
    assert wire.ended


async def test_a_quiet_call_becomes_a_stream_with_a_comment() -> None:
    wire = Wire()
    await answer(wire).keep_alive()
    assert wire.body.startswith(b":")
    assert not wire.ended


async def test_a_client_that_takes_json_alone_gets_the_answer_and_nothing_before_it() -> None:
    wire = Wire()
    response = answer(wire, accept=Accept(json=True, stream=False))
    await response.stream(PROGRESS)
    await response.keep_alive()
    assert wire.sent == []
    await response.reply(RESULT)
    assert json.loads(wire.body)["id"] == "id"


@pytest.mark.parametrize("outcome", [RESULT, Fault(Kind.METHOD_NOT_FOUND, "no")])
async def test_a_client_that_takes_json_alone_and_is_kept_waiting_gets_white_space_before_its_answer(
    outcome: Result | Fault,
) -> None:
    wire = Wire()
    response = answer(wire, Era.MODERN, accept=Accept(json=True, stream=False))
    for _ in range(module.WAITED - 1):
        await response.keep_alive()
    assert wire.sent == [], "until then the status is the outcome's"
    for _ in range(3):
        await response.stream(PROGRESS)
        await response.keep_alive()
    assert wire.body == b"   "
    await response.reply(outcome)
    assert (wire.status, wire.ended, json.loads(wire.body)["id"]) == (200, True, "id")
    assert wire.headers == {**dict(module.SLOW_JSON_HEADERS), b"x-request-id": b"r-1"}, "its length is not known"


def test_an_answer_in_json_begins_before_proxies_give_up() -> None:
    begins = clock.COMMIT_AFTER + (module.WAITED - 1) * clock.HEARTBEAT
    assert begins + clock.HEARTBEAT > 60 > begins, "as late as nginx's own default allows"


@pytest.mark.parametrize("accept", [STREAM, RATHER_A_STREAM])
async def test_a_client_that_takes_streams_alone_or_rather_gets_one(accept: Accept) -> None:
    wire = Wire()
    await answer(wire, accept=accept).reply(RESULT)
    assert wire.headers[b"content-type"] == b"text/event-stream"
    assert wire.body.count(b"data: ") == 1


@pytest.mark.parametrize("accept", [STREAM, RATHER_A_STREAM])
async def test_a_client_that_takes_streams_alone_or_rather_is_told_a_status_that_says_something(accept: Accept) -> None:
    wire = Wire()
    await answer(wire, accept=accept).reply(Fault(Kind.UNKNOWN_SESSION, "again"))
    assert (wire.status, json.loads(wire.body)["error"]["message"]) == (404, "again")


@pytest.mark.parametrize(("era", "status"), [(Era.LEGACY, 200), (Era.MODERN, 404)])
async def test_a_fault_has_the_status_of_its_era_while_nothing_was_sent(era: Era, status: int) -> None:
    wire = Wire()
    response = answer(wire, era)
    await response.reply(Fault(Kind.METHOD_NOT_FOUND, "no"))
    assert (wire.status, json.loads(wire.body)["error"]["code"], response.outcome) == (
        status,
        -32601,
        "method_not_found",
    )


async def test_a_servers_own_error_passes_and_a_tools_failure_is_told_from_success_in_the_log() -> None:
    wire = Wire()
    response = answer(wire)
    await response.reply(PeerError(msgspec.Raw(b'{"code":-1,"message":"m","x":1}')))
    assert json.loads(wire.body)["error"] == {"code": -1, "message": "m", "x": 1}
    assert response.outcome == "error"
    failing = answer(Wire())
    await failing.reply(Result(msgspec.Raw(b'{"content":[],"isError":true}'), Era.LEGACY))
    assert failing.outcome == "tool_error"


@pytest.mark.requirement("http.silent")
async def test_after_a_hang_up_nothing_is_written() -> None:
    wire = Wire()
    response = answer(wire)
    await wire.receive()
    wire.hang_up.set()
    await response.closed()
    await response.stream(PROGRESS)
    await response.reply(RESULT)
    assert wire.sent == []
    assert response.outcome == "ok"


async def test_a_connection_that_breaks_under_a_write_is_a_hang_up() -> None:
    wire = Wire()
    wire.broken = True
    await answer(wire).reply(RESULT)
    assert wire.sent == []


async def test_a_client_that_takes_no_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_TIMEOUT", 0.02)
    wire = Wire()

    async def stuck(_: object) -> None:
        await asyncio.Event().wait()

    response = RelayResponse(wire.receive, stuck, "r-1", Era.LEGACY, b"1")
    await response.reply(Result(msgspec.Raw(b'{"content":"%b"}' % (b"x" * module.SMALL)), Era.LEGACY))
    assert response.gone


async def test_plain_answers_are_whole() -> None:
    wire, empty = Wire(), Wire()
    await send_json(wire.send, 404, b"{}", [(b"x", b"y")])
    await send_empty(empty.send, 202)
    assert (wire.status, wire.body, wire.headers[b"x"], wire.ended) == (404, b"{}", b"y", True)
    assert (empty.status, empty.body, empty.headers, empty.ended) == (202, b"", {b"content-length": b"0"}, True)
    assert repr(answer(wire)) == "<RelayResponse tools/call open >"


async def test_log_messages_below_the_clients_level_are_dropped_and_all_where_it_wants_none() -> None:
    said = [Noticed("notifications/message", msgspec.Raw(b'{"level":"%b"}' % level)) for level in (b"info", b"error")]
    for level, passed in ((0, 2), (2, 1), (module.logs.NOTHING, 0)):
        wire = Wire()
        response = answer(wire)
        response.log_level = level
        for notice in said:
            await response.stream(notice)
        assert wire.body.count(b"notifications/message") == passed if wire.sent else passed == 0
