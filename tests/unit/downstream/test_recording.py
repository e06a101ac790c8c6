"""A stream that is kept while it is written, and read on by a client that lost it."""

import asyncio
from typing import Any

import pytest

from app.downstream import recording as module
from app.downstream.recording import Recorder, read_on
from app.downstream.response import RelayResponse
from app.gateway.journal import Budget, Journals
from app.protocol.classify import Accept
from app.protocol.versions import Era
from tests.unit.downstream.wire import Wire

START: Any = {"type": "http.response.start", "status": 200, "headers": []}


def body(data: bytes, *, more: bool = True) -> Any:
    return {"type": "http.response.body", "body": data, "more_body": more}


@pytest.fixture
def journals() -> Journals:
    return Journals(Budget(), lambda: 0.0)


def reading(wire: Wire) -> RelayResponse:
    response = RelayResponse(wire.receive, wire.send, "r1", Era.LEGACY, b"")
    response.expects("", b"", Accept(json=False, stream=True))
    return response


async def test_events_are_kept_with_ids_and_comments_are_not(journals: Journals) -> None:
    wire, journal = Wire(), journals.begin()
    recorder = Recorder(journals, journal, wire.send)
    for message in (START, body(b": alive\n\n"), body(b"data: a\n\n"), body(b"data: b\n\n", more=False)):
        await recorder(message)
    primed = b"id: 1-0\nretry: 1000\ndata: \n\n"
    assert wire.body == primed + b": alive\n\nid: 1-1\ndata: a\n\nid: 1-2\ndata: b\n\n"
    assert [event for _, event in journal.since(0)] == [b"id: 1-1\ndata: a\n\n", b"id: 1-2\ndata: b\n\n"]
    assert wire.ended
    assert journal.ended_at is not None


async def test_what_is_said_again_keeps_its_id_and_the_sessions_own_stream_does_not_end(journals: Journals) -> None:
    wire = Wire()
    recorder = Recorder(journals, journals.own, wire.send, place=3)
    await recorder(START)
    await recorder(body(b"id: 0-4\ndata: a\n\n"))
    await recorder(body(b"", more=False))
    assert wire.body == b"id: 0-3\nretry: 1000\ndata: \n\nid: 0-4\ndata: a\n\n"
    assert journals.own.since(0) == []
    assert journals.own.ended_at is None


async def test_a_client_that_comes_back_takes_the_stream_and_the_old_connection_ends(journals: Journals) -> None:
    old, new, journal = Wire(), Wire(), journals.begin()
    recorder = Recorder(journals, journal, old.send)
    await recorder(START)
    await recorder(body(b"data: a\n\n"))
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
        tasks.create_task(read_on(journal, 0, reading(new)))
        await asyncio.sleep(0.01)
        await recorder(body(b"data: b\n\n"))
        assert old.ended
        assert not old.body.endswith(b"data: b\n\n")
        recorder.keep(body(b"data: c\n\n", more=False))
    assert new.body == b": keep-alive\n\n" + b"".join(
        b"id: 1-%d\ndata: %b\n\n" % pair for pair in ((1, b"a"), (2, b"b"), (3, b"c"))
    )
    assert new.ended


async def test_one_who_waits_sees_that_the_stream_lives_until_it_is_taken(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    wire, journal = Wire(), journals.begin()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
        served = tasks.create_task(read_on(journal, 0, reading(wire)))
        while wire.body.count(b": keep-alive") < 3 and not served.done():  # noqa: ASYNC110 - a played client
            await asyncio.sleep(0.005)
        journal.take()
    assert wire.ended


async def test_a_stream_is_kept_for_a_client_that_is_gone(journals: Journals) -> None:
    wire, journal = Wire(), journals.begin()
    response = reading(wire)
    response.record = lambda send: Recorder(journals, journal, send)
    await response.keep_alive()
    await response.write(b"data: a\n\n")
    response.gone = True
    await response.write(b"data: b\n\n")
    await response.finish()
    assert [place for place, _ in journal.since(0)] == [1, 2]
    assert journal.ended_at is not None
    assert b"data: b" not in wire.body


async def test_nothing_is_kept_for_one_who_was_gone_before_the_stream_began(journals: Journals) -> None:
    response = reading(Wire())
    begun: list[object] = []
    response.record = lambda send: begun.append(send) or Recorder(journals, journals.begin(), send)
    response.gone = True
    await response.keep_alive()
    await response.write(b"data: a\n\n")
    assert begun == []


async def test_a_client_that_is_let_go_comes_back_for_what_was_written_meanwhile(journals: Journals) -> None:
    wire, journal = Wire(), journals.begin()
    recorder = Recorder(journals, journal, wire.send)
    await recorder(START)
    await recorder.pause(70)
    await recorder.pause(80)
    assert wire.body == b"id: 1-0\nretry: 1000\ndata: \n\nretry: 70\n\n"
    assert wire.ended
    assert journal.ended_at is None
    recorder.keep(body(b"data: a\n\n", more=False))
    back = Wire()
    await read_on(journal, 0, reading(back))
    assert back.body.endswith(b"id: 1-1\ndata: a\n\n")
