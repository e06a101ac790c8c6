"""A change of a resource reaches those who want to hear of it, whatever their era and the server's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.listeners import NARROW, WIDE, Listener, caller, listening
from tests.support.wire import Caller, until

UPDATED = "resources/updated"
ONE, TWO, THREE = "telling://one", "telling://two", "telling://three"
ID = "io.modelcontextprotocol/subscriptionId"


def at(gateway: Gateway, era: str, server: str, key: str = WIDE) -> Caller:
    """A client of one server alone: all of them have the same resources."""
    return caller(gateway, era, key, path=f"/servers/{server}/mcp")


@asynccontextmanager
async def hearing(client: Caller, *uris: str) -> AsyncIterator[Listener]:
    if client.era == "modern":
        async with listening(client, {"resourceSubscriptions": list(uris)}) as listener:
            yield listener
        return
    async with listening(client) as listener:
        for uri in uris:
            assert (await client.ask("resources/subscribe", {"uri": uri})).result == {}
        yield listener


def told(listener: Listener) -> list[str]:
    return [message["params"]["uri"] for message in listener.heard if message.get("method", "").endswith(UPDATED)]


async def journal(gateway: Gateway, server: str) -> list[str]:
    return json.loads((await at(gateway, "legacy", server).call("heard")).text)


@pytest.mark.requirement("listen.resources")
async def test_whoever_wants_to_hear_of_a_resource_hears_of_it_and_of_no_other(
    gateway: Gateway, era: str, server: str
) -> None:
    client = at(gateway, era, server)
    async with hearing(client, ONE) as listener:
        await client.call("touch", {"uri": TWO})
        await client.call("touch", {"uri": ONE})
        await listener.hears(UPDATED)
        await client.call("touch", {"uri": ONE})
        await listener.hears(UPDATED, 2)
        assert set(told(listener)) == {ONE}
        if era == "modern":
            acknowledged, *changes = listener.heard
            assert acknowledged["params"]["notifications"] == {"resourceSubscriptions": [ONE]}
            assert {message["params"]["_meta"][ID] for message in changes} == {"listen-1"}


async def test_a_server_is_asked_once_for_all_who_want_and_told_when_nobody_does(gateway: Gateway, server: str) -> None:
    async with hearing(at(gateway, "legacy", server), TWO) as old, hearing(at(gateway, "modern", server), TWO) as new:
        before = await journal(gateway, server)
        await new.client.call("touch", {"uri": TWO})
        await old.hears(UPDATED)
        await new.hears(UPDATED)
        assert (await old.client.ask("resources/unsubscribe", {"uri": TWO})).result == {}
        await new.client.call("touch", {"uri": TWO})
        await new.hears(UPDATED, 2)
        assert told(old) == [TWO]
    if server != "new":  # a modern one is told by the end of a feed, which no journal has
        assert before.count(f"subscribe {TWO}") - before.count(f"unsubscribe {TWO}") == 1

        async def is_told() -> bool:
            return (await journal(gateway, server))[-1] == f"unsubscribe {TWO}"

        await until(is_told, "the server is told that nobody wants to hear")


async def test_the_end_of_a_session_gives_its_subscriptions_back(gateway: Gateway) -> None:
    client = at(gateway, "legacy", "near")
    await client.initialize()
    assert (await client.ask("resources/subscribe", {"uri": THREE})).result == {}
    assert (await journal(gateway, "near"))[-1] == f"subscribe {THREE}"
    async with await client.wire() as wire:
        assert (await wire.request("DELETE", client.path, client.headers())).status == 204

    async def is_told() -> bool:
        return (await journal(gateway, "near"))[-1] == f"unsubscribe {THREE}"

    await until(is_told, "the server is told that nobody wants to hear")


async def test_a_server_that_tells_of_nothing_is_said_so_in_the_words_of_the_era(gateway: Gateway) -> None:
    client = at(gateway, "legacy", "deaf")
    handshake = await client.initialize()
    assert handshake.result["capabilities"]["resources"] == {"listChanged": True}
    refused = await client.ask("resources/subscribe", {"uri": ONE})
    assert refused.error["code"] == -32601
    async with hearing(at(gateway, "modern", "deaf"), ONE) as listener:
        assert listener.heard[0]["params"]["notifications"] == {}
    modern = await at(gateway, "modern", "new").ask("server/discover")
    assert modern.result["capabilities"]["resources"]["subscribe"] is True


async def test_what_one_may_not_read_one_does_not_hear_of(gateway: Gateway, server: str) -> None:
    client = at(gateway, "legacy", server, NARROW)
    await client.initialize()
    hidden = await client.ask("resources/subscribe", {"uri": ONE})
    unknown = await client.ask("resources/subscribe", {"uri": "telling://none"})
    assert hidden.error["code"] == unknown.error["code"] == -32602
    async with hearing(at(gateway, "modern", server, NARROW), ONE, TWO) as listener:
        assert listener.heard[0]["params"]["notifications"] == {"resourceSubscriptions": [TWO]}
        await listener.client.call("touch", {"uri": ONE})
        await listener.client.call("touch", {"uri": TWO})
        await listener.hears(UPDATED)
        assert told(listener) == [TWO]


async def test_requests_that_name_nothing_are_refused(gateway: Gateway) -> None:
    client = at(gateway, "legacy", "near")
    nameless = await client.ask("resources/subscribe", {"uri": ONE})
    assert nameless.error["code"] == -32601, "a client without a session has no stream to hear on"
    await client.initialize()
    for method in ("resources/subscribe", "resources/unsubscribe"):
        assert (await client.ask(method, {})).error["code"] == -32602
    assert (await client.ask("resources/unsubscribe", {"uri": "telling://never"})).result == {}
    modern = at(gateway, "modern", "near")
    asked: list[Any] = [{"resourceSubscriptions": ONE}, {"resourceSubscriptions": [1]}]
    for wrong in asked:
        refused = await modern.ask("subscriptions/listen", {"notifications": wrong})
        assert (refused.status, refused.error["code"]) == (400, -32602)
    assert (await modern.ask("resources/subscribe", {"uri": ONE})).status == 404


async def test_a_stream_that_was_lost_brings_what_changed_meanwhile(gateway: Gateway) -> None:
    client = at(gateway, "legacy", "near")
    async with hearing(client, ONE):
        pass
    await asyncio.sleep(0)
    await client.call("touch", {"uri": ONE})
    async with asyncio.timeout(30), await client.wire() as wire:
        rest = [pair for pair in client.headers() if pair[0] not in {"Accept", "Content-Type"}]
        sent = [*rest, ("Accept", "text/event-stream"), ("Last-Event-ID", "0-0")]
        answer = await wire.ask("GET", client.path, sent)
        assert answer.status == 200
        async for message in wire.messages():
            if message.get("method", "").endswith(UPDATED):
                assert message["params"] == {"uri": ONE}
                break
