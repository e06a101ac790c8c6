"""Who may open a stream, what it begins with, and what ends it: the wire's view, through nginx."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.listeners import NARROW, PATIENCE, WIDE, caller, listening, stream_headers
from tests.support.pace import kept
from tests.support.processes import eventually
from tests.support.programs import keys_file, workbench

ID = "io.modelcontextprotocol/subscriptionId"


@pytest.mark.parametrize("path", ["/mcp", "/servers/bench/mcp"])
async def test_a_session_has_one_stream_which_shows_at_once_that_it_lives(gateway: Gateway, path: str) -> None:
    client = caller(gateway, "legacy", path=path)
    await client.initialize()
    headers = stream_headers(client)
    async with await client.wire() as wire, await client.wire() as other:
        answer = await wire.ask("GET", path, headers)
        assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
        assert answer.header("cache-control") == "no-store"
        assert (await anext(aiter(wire.pieces()))).startswith(b"id: 0-0\nretry: ")
        second = await other.request("GET", path, headers)
        assert (second.status, second.json()["error"]) == (409, "conflict")


async def test_a_stream_that_was_left_can_be_opened_again(gateway: Gateway) -> None:
    client = caller(gateway, "legacy")
    async with listening(client):
        pass
    async with asyncio.timeout(PATIENCE):
        while True:
            async with await client.wire() as wire:
                answer = await wire.ask("GET", "/mcp", stream_headers(client))
            if answer.status == 200:
                break
            assert answer.status == 409


async def test_a_stream_needs_a_session_of_ones_own_and_takes_events_alone(gateway: Gateway) -> None:
    owner = caller(gateway, "legacy")
    await owner.initialize()
    thief = caller(gateway, "legacy", NARROW)
    thief.session = owner.session
    json_alone = [*stream_headers(owner)[:-1], ("Accept", "application/json")]
    nameless = caller(gateway, "legacy")
    modern = caller(gateway, "modern")
    async with await owner.wire() as wire:
        assert (await wire.request("GET", "/mcp", json_alone)).status == 406
        assert (await wire.request("GET", "/mcp", stream_headers(thief))).status == 404
        for client in (nameless, modern):
            refused = await wire.request("GET", "/mcp", stream_headers(client))
            assert refused.status == 405
            assert "GET" not in (refused.header("allow") or "")


async def test_the_end_of_the_session_ends_its_stream(gateway: Gateway) -> None:
    client = caller(gateway, "legacy")
    async with listening(client) as listener:
        async with await client.wire() as wire:
            assert (await wire.request("DELETE", "/mcp", client.headers())).status == 204
        async with asyncio.timeout(PATIENCE):
            await listener.ended.wait()


async def test_a_subscription_takes_events_alone_and_a_filter(gateway: Gateway) -> None:
    client = caller(gateway, "modern")
    bad = await client.ask("subscriptions/listen", {"notifications": {"toolsListChanged": "yes"}})
    assert (bad.status, bad.error["code"]) == (400, -32602)
    legacy = await caller(gateway, "legacy").ask("subscriptions/listen", {"notifications": {}})
    assert legacy.error["code"] == -32601
    async with listening(client, {"toolsListChanged": True, "resourceSubscriptions": ["a:b"], "vendor": ["1"]}) as on:
        (acknowledged,) = on.heard
        honoured = {"toolsListChanged": True, "resourceSubscriptions": ["a:b"]}
        assert acknowledged["params"] == {"_meta": {ID: "listen-1"}, "notifications": honoured}


async def test_each_stream_leaves_one_line_when_it_ends(gateway: Gateway) -> None:
    before = gateway.log().count('"method":"subscriptions/listen"')
    async with listening(caller(gateway, "modern")):
        pass
    eventually(lambda: gateway.log().count('"method":"subscriptions/listen"') == before + 1, what="its line")
    assert '"outcome":"disconnected"' in gateway.log().rpartition('"method":"subscriptions/listen"')[2]


async def test_a_key_that_expires_closes_its_streams(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=12)
    keys = {WIDE: {"client_id": "wide", "expires_at": soon.isoformat()}, NARROW: {"client_id": "narrow"}}
    config = {"mcpServers": {"bench": workbench("bench")}}
    with running_gateway(config, keys={}, env=keys_file(keys, tmp_path), edge=True) as own:
        async with (
            listening(caller(own, "legacy")) as old,
            listening(caller(own, "modern")) as new,
            listening(caller(own, "legacy", NARROW)) as stays,
        ):
            async with asyncio.timeout(12 + PATIENCE):
                await old.ended.wait()
                await new.ended.wait()
            assert kept((datetime.now(UTC) - soon).total_seconds(), 5)
            assert new.heard[-1]["result"]["_meta"][ID] == "listen-1"
            assert not stays.ended.is_set()


@pytest.mark.requirement("cancel.teardown")
async def test_a_stop_ends_every_stream_in_good_order_within_half_a_second(tmp_path: Path) -> None:
    config = {"mcpServers": {"bench": workbench("bench")}}
    with running_gateway(config, keys={WIDE: "wide"}, edge=True) as own:
        async with listening(caller(own, "legacy")) as old, listening(caller(own, "modern")) as new:
            began = time.monotonic()
            stopping = asyncio.get_running_loop().run_in_executor(None, own.stop)
            async with asyncio.timeout(PATIENCE):
                await old.ended.wait()
                await new.ended.wait()
            # The promise is half a second; the rest is the way of a signal through three processes of a busy machine.
            assert kept(time.monotonic() - began, 1)
            assert new.heard[-1]["id"] == "listen-1"
            assert new.heard[-1]["result"]["resultType"] == "complete"
            await stopping
