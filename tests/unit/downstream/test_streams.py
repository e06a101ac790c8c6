"""The streams on which clients hear of changes: who may open one, what comes on it, what ends it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.config.keyring import Principal
from app.downstream import streams as module
from app.downstream.answering import SESSION
from app.downstream.call_log import CallLog
from app.downstream.endpoint import Endpoint
from app.gateway.gateway import Gateway
from app.gateway.subscription import End
from app.protocol.sse import Decoder
from app.relay.policy import Grant
from tests.unit.downstream.conftest import ANN, BOB, headers, message
from tests.unit.downstream.wire import Wire, scope

STREAM = (b"accept", b"text/event-stream")
LISTEN = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["file:///a"]}}


class Door:
    def __init__(self, house: Gateway) -> None:
        self.house = house
        self.known: list[Principal | None] = [None]
        self.endpoint = Endpoint(lambda: house, 4096, CallLog(), lambda _: self.known[0])

    async def serve(self, wire: Wire, method: str, sent: list[Any], who: Principal, only: str = "") -> None:
        self.known[0] = who
        found = scope(method, sent, path_params={"name": only} if only else {}, **{"mcp.principal": who})
        await self.endpoint.serve(found, wire.receive, wire.send)

    async def ask(self, method: str, sent: list[Any], body: bytes = b"", who: Principal = ANN) -> Wire:
        wire = Wire(body)
        async with asyncio.timeout(30):
            await self.serve(wire, method, sent, who)
        return wire

    async def session(self, who: Principal = ANN, version: str = "2025-06-18") -> tuple[bytes, bytes]:
        begun = await self.ask("POST", headers(), message("initialize", {"protocolVersion": version}), who)
        return (SESSION, begun.headers[SESSION])

    @asynccontextmanager
    async def open(self, method: str, sent: list[Any], body: bytes = b"", who: Principal = ANN) -> AsyncIterator[Wire]:
        """A stream that has begun; the client hangs up at the end of the block."""
        wire = Wire(body)
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
            tasks.create_task(self.serve(wire, method, sent, who))
            await until(lambda: len(wire.sent) > 1)
            yield wire
            wire.hang_up.set()


async def until(happened: Any) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - what is sent to a played client tells nobody
            await asyncio.sleep(0.005)


def told(wire: Wire) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in Decoder().feed(wire.body) if event.data]


def listen(params: dict[str, Any] = LISTEN, ident: object = 1) -> tuple[str, list[Any], bytes]:
    method = "subscriptions/listen"
    return "POST", headers(method, modern=True), message(method, params, ident=ident, modern=True)


@pytest.fixture
def door(house: Gateway) -> Door:
    return Door(house)


async def test_a_session_has_one_stream_that_begins_with_a_comment_and_brings_changes(door: Door) -> None:
    session = await door.session()
    async with door.open("GET", [STREAM, session]) as wire:
        assert (wire.status, wire.headers[b"content-type"]) == (200, b"text/event-stream")
        assert wire.headers[b"x-accel-buffering"] == b"no"
        assert wire.body.startswith(b":")
        assert (await door.ask("GET", [STREAM, session])).status == 409
        (subscription,) = door.house.broadcast._subscriptions
        subscription.tell("prompts")
        await until(lambda: told(wire))
        assert told(wire) == [{"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"}]
    assert not door.house.broadcast._subscriptions
    async with door.open("GET", [STREAM, session]) as again:
        assert again.status == 200


async def test_a_stream_is_for_those_who_take_one_in_a_session_of_their_own(door: Door) -> None:
    session = await door.session()
    assert (await door.ask("GET", [(b"accept", b"application/json"), session])).status == 406
    assert (await door.ask("GET", [STREAM, session], who=BOB)).status == 404
    assert (await door.ask("GET", [STREAM, (SESSION, b"w0-nobody")])).status == 404
    sessionless = await door.ask("GET", [STREAM])
    assert (sessionless.status, sessionless.headers[b"allow"]) == (405, b"POST, DELETE, OPTIONS")


async def test_a_stream_ends_with_its_session_its_key_and_the_gateway(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.call")
    for end, outcome in (("session", "session_ended"), ("key", "revoked"), ("drain", "drained")):
        session = await door.session()
        async with door.open("GET", [STREAM, session]) as wire:
            if end == "session":
                assert (await door.ask("DELETE", [session])).status == 204
            elif end == "key":
                door.house.broadcast.revoke(lambda _: False)
            else:
                door.house.drain.begin()
            await until(lambda: wire.ended)
        assert caplog.records[-1].fields["outcome"] == outcome
        assert caplog.records[-1].fields["method"] == "stream"
    refused = await door.ask("POST", headers(), message("initialize", {"protocolVersion": "2025-11-25"}))
    session = (SESSION, refused.headers[SESSION])
    assert (await door.ask("GET", [STREAM, session])).status == 503


async def test_an_open_stream_keeps_its_session(door: Door) -> None:
    session = await door.session()
    async with door.open("GET", [STREAM, session]):
        found = door.house.sessions.find("ann", session[1].decode())
        assert found is not None
        found.last_used -= 23 * 3600
        door.house.sessions.expire()
        assert door.house.sessions.find("ann", session[1].decode()) is found


async def test_an_idle_stream_shows_that_it_lives(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    async with door.open("GET", [STREAM, await door.session()]) as wire:
        await until(lambda: wire.body.count(b": ") >= 3)


async def test_a_client_that_takes_no_goodbye_is_left(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GOODBYE", 0.05)
    wire, stuck = Wire(), asyncio.Event()
    session = await door.session()

    async def send(found: dict[str, Any]) -> None:
        if len(wire.sent) > 1:
            await stuck.wait()
        wire.sent.append(found)

    wire.send = send  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(door.serve(wire, "GET", [STREAM, session], ANN))
        await until(lambda: door.house.broadcast._subscriptions and len(wire.sent) > 1)
        door.house.broadcast.end(End.DRAINED)
        async with asyncio.timeout(30):
            await served


@pytest.mark.requirement("listen.acknowledged", "listen.named")
@pytest.mark.parametrize("ident", [7, "seven"])
async def test_a_subscription_is_acknowledged_first_and_every_message_names_it(door: Door, ident: object) -> None:
    async with door.open(*listen(ident=ident)) as wire:
        await until(lambda: told(wire))
        (subscription,) = door.house.broadcast._subscriptions
        subscription.tell("tools")
        await until(lambda: len(told(wire)) > 1)
        door.house.broadcast.end(End.DRAINED)
        await until(lambda: wire.ended)
    acknowledged, changed, ended = told(wire)
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
    assert changed["method"] == "notifications/tools/list_changed"
    assert (ended["id"], ended["result"]["resultType"]) == (ident, "complete")
    named = [found["_meta"][module.listen.SUBSCRIPTION_ID] for found in (acknowledged["params"], changed["params"])]
    assert [*named, ended["result"]["_meta"][module.listen.SUBSCRIPTION_ID]] == [ident] * 3


async def test_what_no_server_offers_yet_is_acknowledged_too_since_an_edit_may_bring_it(door: Door) -> None:
    nobody = Principal("nobody", Grant([]))
    async with door.open(*listen(), who=nobody) as wire:
        await until(lambda: told(wire))
        assert told(wire)[0]["params"]["notifications"] == {"toolsListChanged": True}


async def test_a_subscription_is_refused_as_any_request_is(door: Door) -> None:
    assert (await door.ask(*listen({}))).status == 400
    method, sent, body = listen()
    sent = [pair for pair in sent if pair[0] != b"accept"] + [(b"accept", b"application/json")]
    assert (await door.ask(method, sent, body)).status == 406
    door.house.drain.begin()
    stopping = json.loads((await door.ask(*listen())).body.split(b"data: ")[-1])
    assert stopping["error"]["data"]["fault"] == "closed"


async def test_one_line_is_left_when_a_subscription_ends(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.call")
    async with door.open(*listen()):
        pass
    (line,) = [record.fields for record in caplog.records if record.name == "app.call"]
    assert (line["method"], line["era"], line["outcome"]) == ("subscriptions/listen", "modern", "disconnected")


async def test_a_stream_of_the_last_legacy_revision_is_resumed_where_it_broke(door: Door) -> None:
    session = await door.session(version="2025-11-25")
    async with door.open("GET", [STREAM, session]) as wire:
        assert wire.body.startswith(b"id: 0-0\nretry: 1000\ndata: \n\n")
        (subscription,) = door.house.broadcast._subscriptions
        subscription.tell("prompts")
        await until(lambda: told(wire))
        assert b"id: 0-1\nevent: message\n" in wire.body
    subscription.tell("tools")  # while nobody is there
    async with door.open("GET", [STREAM, session, (b"last-event-id", b"0-0")]) as again:
        await until(lambda: len(told(again)) == 2)
        assert [event.id for event in Decoder().feed(again.body) if event.data] == [b"0-1", b"0-2"]
        assert again.body.startswith(b"id: 0-0\n")
        # The client has lost this one too, and we do not know yet.
        async with door.open("GET", [STREAM, session, (b"last-event-id", b"0-1")]) as third:
            await until(lambda: told(third))
            await until(lambda: again.ended)
            assert (await door.ask("GET", [STREAM, session])).status == 409
    unknown = await door.ask("GET", [STREAM, session, (b"last-event-id", b"7-1")])
    assert (unknown.status, json.loads(unknown.body)["error"]) == (400, "bad_request")
    assert (await door.ask("DELETE", [session])).status == 204
    assert not door.house.broadcast._subscriptions


async def test_a_client_whose_key_was_exchanged_meanwhile_hears_what_changed_all_the_same(door: Door) -> None:
    session = await door.session(version="2025-11-25")
    async with door.open("GET", [STREAM, session]):
        (subscription,) = door.house.broadcast._subscriptions
    subscription.tell("tools")
    door.house.broadcast.revoke(lambda _: False)
    async with door.open("GET", [STREAM, session, (b"last-event-id", b"0-0")]) as again:
        await until(lambda: told(again) or again.ended)
        assert [each["method"] for each in told(again)] == ["notifications/tools/list_changed"]
        assert door.house.broadcast._subscriptions == {subscription}, "and what changes from here on"


async def test_a_session_that_ends_as_its_stream_breaks_keeps_nothing(door: Door) -> None:
    session = await door.session(version="2025-11-25")
    async with door.open("GET", [STREAM, session]) as wire:
        (subscription,) = door.house.broadcast._subscriptions
        subscription.end(End.DISCONNECTED)
        assert door.house.sessions.close(ANN.client_id, session[1].decode())
        await until(lambda: wire.ended)
    assert not door.house.broadcast._subscriptions


async def test_an_older_session_is_sent_no_ids_and_resumes_nothing(door: Door) -> None:
    session = await door.session()
    async with door.open("GET", [STREAM, session, (b"last-event-id", b"7-1")]) as wire:
        (subscription,) = door.house.broadcast._subscriptions
        subscription.tell("prompts")
        await until(lambda: told(wire))
        assert b"id:" not in wire.body
    assert not door.house.broadcast._subscriptions


async def test_the_stream_of_a_call_goes_on_for_a_client_that_comes_back_and_ends_with_its_answer(door: Door) -> None:
    session = await door.session(version="2025-11-25")
    call = message("tools/call", {"name": "a__hold", "_meta": {"progressToken": "p"}})
    async with door.open("POST", headers("", "", session), call) as wire:
        assert wire.body.startswith(b"id: 1-0\nretry: ")
        await until(lambda: told(wire))
        wire.hang_up.set()
        async with door.open("GET", [STREAM, session, (b"last-event-id", b"1-0")]) as again:
            await until(lambda: told(again))
            first = told(again)[0]
            assert first["params"]["progressToken"] == "p"
            await door.ask("POST", headers(), message("tools/call", {"name": "a__release"}))
            await until(lambda: again.ended)
            assert told(again)[-1]["result"]["content"][0]["text"] == "released "
    replayed = await door.ask("GET", [STREAM, session, (b"last-event-id", b"1-1")])
    assert [event["id"] for event in told(replayed)] == [1]
