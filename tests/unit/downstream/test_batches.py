"""Several messages in one POST: who answers, in which form, and what a hang-up tells them."""

import asyncio
import json
from typing import Any

from litestar.types import Receive, Send

from app.downstream.batches import Batch
from app.downstream.response import SLOW_JSON_HEADERS, STREAM_HEADERS, send_empty, send_json
from tests.unit.downstream.wire import Wire


async def played(member: str, receive: Receive, send: Send) -> None:
    """`json`, `empty`, `stream` or `wait`, which answers once the client is gone."""
    match member:
        case "empty":
            await send_empty(send, 202)
        case "stream":
            start: Any = {"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS, (b"x", b"y")]}
            await send(start)
            await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
            await send({"type": "http.response.body", "body": b"data: 2\n\n", "more_body": False})
        case "wait":
            assert (await receive())["type"] == "http.disconnect"
            await send_json(send, 200, b'"gone"')
        case _:
            await send_json(send, 200, json.dumps(member).encode())


async def served(*members: str, wire: Wire | None = None) -> Wire:
    wire = wire or Wire()
    async with asyncio.timeout(30):
        await Batch(wire.receive, wire.send).serve(members, played)
    return wire


async def test_answers_in_json_are_one_array_and_notifications_have_none() -> None:
    wire = await served("a", "empty", "b")
    assert wire.status == 200
    assert sorted(json.loads(wire.body)) == ["a", "b"]
    assert wire.headers[b"content-type"] == b"application/json"


async def test_nothing_to_answer_is_accepted() -> None:
    wire = await served("empty", "empty")
    assert (wire.status, wire.body) == (202, b"")


async def test_one_stream_makes_all_answers_events_of_one_stream() -> None:
    wire = await served("a", "stream", "b")
    assert wire.headers[b"content-type"] == b"text/event-stream"
    assert wire.body.count(b"data: ") == 4
    assert b'event: message\ndata: "a"\n\n' in wire.body
    assert wire.ended
    assert [message["type"] for message in wire.sent].count("http.response.start") == 1


async def test_every_member_hears_of_the_hang_up() -> None:
    wire = Wire()
    wire.hang_up.set()
    await served("wait", "wait", wire=wire)
    assert json.loads(wire.body) == ["gone", "gone"]


async def test_an_array_whose_client_was_kept_waiting_begins_with_white_space() -> None:
    async def kept_waiting(member: str, receive: Receive, send: Send) -> None:
        if member == "slow":
            start: Any = {"type": "http.response.start", "status": 200, "headers": SLOW_JSON_HEADERS}
            await send(start)
            for _ in range(2):
                await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await send({"type": "http.response.body", "body": b'"slow"', "more_body": False})
        else:
            await played(member, receive, send)

    wire = Wire()
    async with asyncio.timeout(30):
        await Batch(wire.receive, wire.send).serve(["slow", "a", "slow", "empty"], kept_waiting)
    assert wire.body.startswith(b"    [")
    assert sorted(json.loads(wire.body)) == ["a", "slow", "slow"]
    assert (wire.status, wire.ended) == (200, True)
    assert b"content-length" not in wire.headers
    assert [message["type"] for message in wire.sent].count("http.response.start") == 1
