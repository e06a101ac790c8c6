"""HTTP+SSE: a session that lives as long as its stream, and answers that come on it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.config.keyring import Principal
from app.downstream import sse_front as module
from app.downstream.call_log import CallLog
from app.downstream.endpoint import Endpoint
from app.downstream.sse_front import SseFront
from app.gateway import clock
from app.gateway.gateway import Gateway
from app.protocol.sse import Decoder
from tests.unit.downstream.conftest import ANN, BOB, headers, message
from tests.unit.downstream.wire import Wire, scope

INITIALIZE = message("initialize", {"protocolVersion": "2024-11-05"})


class Door:
    def __init__(self, house: Gateway) -> None:
        self.house = house
        endpoint = Endpoint(lambda: house, 4096, CallLog(), lambda _: ANN)
        self.front = SseFront(lambda: house, endpoint, 4096, CallLog(), lambda _: ANN)

    @asynccontextmanager
    async def open(self, path: bytes = b"/sse", who: Principal = ANN) -> AsyncIterator["Client"]:
        """A stream that has begun; its client hangs up at the end of the block."""
        wire = Wire()
        found = scope("GET", [(b"accept", b"text/event-stream")], raw_path=path, **{"mcp.principal": who})
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
            tasks.create_task(self.front.stream(found, wire.receive, wire.send))
            await until(lambda: b"endpoint" in wire.body)
            yield Client(self, wire, who)
            wire.hang_up.set()

    async def get(self, method: str = "GET", accept: bytes = b"text/event-stream") -> Wire:
        wire = Wire()
        found = scope(method, [(b"accept", accept)], raw_path=b"/sse", **{"mcp.principal": ANN})
        await self.front.stream(found, wire.receive, wire.send)
        return wire

    async def post(
        self, query: bytes, body: bytes, who: Principal = ANN, sent: list[Any] | None = None, method: str = "POST"
    ) -> Wire:
        wire = Wire(body)
        found = scope(method, headers() if sent is None else sent, query_string=query, **{"mcp.principal": who})
        async with asyncio.timeout(30):
            await self.front.message(found, wire.receive, wire.send)
        return wire


class Client:
    def __init__(self, door: Door, wire: Wire, who: Principal) -> None:
        self.door, self.wire, self.who = door, wire, who

    @property
    def endpoint(self) -> bytes:
        return next(event for event in Decoder().feed(self.wire.body) if event.event == b"endpoint").data

    @property
    def query(self) -> bytes:
        return self.endpoint.partition(b"?")[2]

    @property
    def told(self) -> list[dict[str, Any]]:
        events = Decoder().feed(self.wire.body)
        return [json.loads(event.data) for event in events if event.event == b"message"]

    async def post(self, body: bytes, **more: Any) -> int:
        return (await self.door.post(self.query, body, self.who, **more)).status

    async def ask(self, body: bytes) -> dict[str, Any]:
        before = len(self.told)
        assert await self.post(body) == 202
        await until(lambda: len(self.told) > before)
        return self.told[-1]


async def until(happened: Any) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - what is sent to a played client tells nobody
            await asyncio.sleep(0.005)


@pytest.fixture
def door(house: Gateway) -> Door:
    return Door(house)


async def test_the_first_event_says_where_to_post_below_the_path_it_was_asked_at(door: Door) -> None:
    for path, target in ((b"/sse", b"/messages"), (b"/secret/sse/", b"/secret/messages"), (b"/sse?a=b", b"/messages")):
        async with door.open(path) as client:
            assert client.endpoint.partition(b"?")[0] == target
            assert client.wire.headers[b"content-type"] == b"text/event-stream"


async def test_answers_come_on_the_stream_of_the_session_that_asked(door: Door) -> None:
    async with door.open() as first, door.open() as second:
        assert (await first.ask(INITIALIZE))["result"]["protocolVersion"] == "2024-11-05"
        assert await first.post(message("notifications/initialized", ident=None)) == 202
        answer = await first.ask(message("tools/call", {"name": "a__whoami"}, ident="x"))
        assert answer["id"] == "x"
        assert answer["result"]["content"][0]["text"].startswith("a ")
        assert second.told == []


async def test_a_client_of_a_later_revision_may_come_this_way_too(door: Door) -> None:
    async with door.open() as client:
        later = await client.ask(message("initialize", {"protocolVersion": "2025-11-25"}))
        assert later["result"]["protocolVersion"] == "2025-11-25"
        assert "tools" in (await client.ask(message("tools/list")))["result"]
        assert b"id:" not in client.wire.body, "streams of this transport are not resumed"
        modern = [*headers(), (b"mcp-protocol-version", b"2025-11-25")]
        assert await client.post(message("ping"), sent=modern) == 202


async def test_progress_comes_before_the_answer(door: Door) -> None:
    async with door.open() as client:
        call = {"name": "a__count", "arguments": {"steps": 2, "label": "x"}, "_meta": {"progressToken": "p"}}
        assert await client.post(message("tools/call", call)) == 202
        await until(lambda: len(client.told) == 3)
        assert [found.get("method", "answer") for found in client.told] == ["notifications/progress"] * 2 + ["answer"]


async def test_a_call_is_cancelled_by_its_id_and_errors_are_events_too(door: Door) -> None:
    async with door.open() as client:
        assert await client.post(message("tools/call", {"name": "a__hold"}, ident=7)) == 202
        await until(lambda: door.house.drivers)
        assert await client.post(message("notifications/cancelled", {"requestId": 7}, ident=None)) == 202
        await until(lambda: client.told)
        assert client.told[0]["id"] == 7
        assert (await client.ask(message("no/such")))["error"]["code"] == -32601


async def test_the_session_ends_with_its_stream_and_its_calls_run_on(door: Door) -> None:
    async with door.open() as client:
        query = client.query
        assert len(door.house.sessions) == 1
        assert await client.post(message("tools/call", {"name": "a__hold"})) == 202
        await until(lambda: door.house.drivers)
    assert len(door.house.sessions) == 0
    assert len(door.house.drivers) == 1
    assert (await door.post(query, message("ping"))).status == 404


async def test_an_answer_that_comes_after_the_session_was_ended_is_lost_and_nothing_else_is(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "SETTLE", 60.0)  # nobody watches for the hang-up yet
    async with door.open() as client:
        await client.ask(INITIALIZE)
        assert await client.post(message("tools/call", {"name": "a__hold"}, ident=7)) == 202
        await until(lambda: door.house.drivers)
        assert door.house.sessions.close(ANN.client_id, client.query.partition(b"=")[2].decode())
        await until(lambda: client.wire.ended)
        async with door.open() as other:
            await other.ask(INITIALIZE)
            await other.ask(message("tools/call", {"name": "a__release"}, ident=8))
            await until(lambda: not door.house.drivers)
            assert (await other.ask(message("ping", ident=9)))["id"] == 9
        assert not [told for told in client.told if told.get("id") == 7]


async def test_a_session_is_known_to_its_principal_alone_and_lists_what_that_may_see(door: Door) -> None:
    async with door.open(who=BOB) as client:
        assert (await door.post(client.query, message("ping"), ANN)).status == 404
        listed = await client.ask(message("tools/list"))
        assert {tool["name"].split("__")[0] for tool in listed["result"]["tools"]} == {"b"}


async def test_what_is_no_message_is_refused_where_it_was_posted(door: Door) -> None:
    async with door.open() as client:
        assert await client.post(b"{") == 400
        assert await client.post(b"[]") == 400
        assert await client.post(b"x" * 5000) == 413
        assert await client.post(message("ping"), sent=[(b"content-type", b"text/plain")]) == 415
        assert client.told == []
    for query in (b"", b"sessionId=w0-nobody", b"\xff", b"&".join([b"a=b"] * 20)):
        assert (await door.post(query, message("ping"))).status == 404


async def test_a_client_that_does_not_wait_is_bounded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNDER_WAY", 2)
    async with door.open() as client:
        hold = message("tools/call", {"name": "a__hold"})
        assert [await client.post(hold) for _ in range(3)] == [202, 202, 429]


async def test_other_methods_are_refused_and_whoever_takes_no_stream_gets_none(door: Door) -> None:
    assert (await door.get("OPTIONS")).status == 204
    refused = await door.get("POST")
    assert (refused.status, refused.headers[b"allow"]) == (405, b"GET, OPTIONS")
    assert (await door.get(accept=b"application/json")).status == 406
    assert (await door.post(b"", b"", method="GET")).status == 405
    assert (await door.post(b"", b"", method="OPTIONS")).status == 204
    door.house.drain.begin()
    assert (await door.get()).status == 503
