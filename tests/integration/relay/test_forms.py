"""The form of an answer: JSON, unless the client names event streams first or something precedes the answer."""

import asyncio

import pytest

from tests.integration.relay.cast import WIDE, MakeCaller
from tests.support.wire import Caller

STREAMS_FIRST = "text/event-stream, application/json"


@pytest.fixture
def streaming(client: MakeCaller, era: str) -> Caller:
    return client(WIDE, era, accept=STREAMS_FIRST)


async def test_three_lists_at_once_are_three_streams_of_one_event(streaming: Caller) -> None:
    replies = await asyncio.gather(*(streaming.ask("tools/list") for _ in range(3)))
    for reply in replies:
        assert reply.answer.is_stream
        assert (reply.status, reply.notices) == (200, [])
        assert reply.result["tools"]


async def test_lists_and_calls_follow_each_other_on_one_connection(streaming: Caller) -> None:
    async with await streaming.wire() as wire:
        for _ in range(3):
            listed = await streaming.ask("tools/list", wire=wire)
            called = await streaming.call("beta__whoami", wire=wire)
            assert listed.answer.is_stream
            assert called.answer.is_stream


async def test_a_session_is_opened_by_a_stream_too(client: MakeCaller) -> None:
    legacy = client(WIDE, "legacy", accept=STREAMS_FIRST)
    opened = await legacy.initialize()
    assert opened.answer.is_stream
    assert legacy.session
    assert (await legacy.ask("ping")).result == {}


async def test_a_fault_that_has_a_status_keeps_it(streaming: Caller) -> None:
    reply = await streaming.ask("no/such")
    assert reply.error["code"] == -32601
    modern = streaming.era == "modern"
    assert (reply.status, reply.answer.is_stream) == ((404, False) if modern else (200, True))
    streaming.key = "no-key-at-all-0123456789012345678901"
    assert (await streaming.post(b"{}")).status == 401


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/event-stream"])
async def test_whoever_does_not_ask_for_it_gets_json(client: MakeCaller, era: str, accept: str) -> None:
    caller = client(WIDE, era, accept=accept)
    assert not (await caller.ask("tools/list")).answer.is_stream
    assert not (await caller.call("beta__whoami")).answer.is_stream
