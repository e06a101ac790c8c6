"""What servers log reaches the call it is of, from the level its client wants, with the server's name."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.listeners import NARROW, caller
from tests.support.wire import Caller, Reply

LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
REMOTE = ("old", "new")


def heard(reply: Reply) -> list[str]:
    found = [notice["params"] for notice in reply.notices if notice["method"] == "notifications/message"]
    return [params["level"] for params in found]


async def said(client: Caller, server: str, level: str = "", **arguments: Any) -> Reply:
    meta = {"_meta": {LOG_LEVEL: level}} if level else {}
    return await client.call(f"{server}__say", {"text": "x", **arguments}, **meta)


async def a_session(gateway: Gateway, level: str = "", **more: Any) -> Caller:
    client = caller(gateway, "legacy", **more)
    handshake = await client.initialize()
    assert handshake.result["capabilities"]["logging"] == {}
    if level:
        assert (await client.ask("logging/setLevel", {"level": level})).result == {}
    return client


@pytest.mark.parametrize("server", REMOTE)
@pytest.mark.parametrize("level", ["debug", "warning", "emergency"])
async def test_a_session_hears_from_the_level_it_has_set(gateway: Gateway, server: str, level: str) -> None:
    reply = await said(await a_session(gateway, level), server)
    assert heard(reply) == LEVELS[LEVELS.index(level) :]
    assert {notice["params"]["logger"] for notice in reply.notices} == {f"{server}/inner"}
    assert reply.notices[0]["params"]["data"] == {"said": "x"}


@pytest.mark.requirement("logging.asked", "logging.declared")
@pytest.mark.parametrize("server", REMOTE)
@pytest.mark.parametrize("level", ["debug", "error"])
async def test_a_modern_request_hears_from_the_level_it_names_and_nothing_without(
    gateway: Gateway, server: str, level: str
) -> None:
    client = caller(gateway, "modern")
    assert (await client.ask("server/discover")).result["capabilities"]["logging"] == {}
    assert heard(await said(client, server, level)) == LEVELS[LEVELS.index(level) :]
    assert heard(await said(client, server)) == []


async def test_a_session_that_set_no_level_hears_what_an_older_server_thinks_fit_but_no_debugging(
    gateway: Gateway,
) -> None:
    client = await a_session(gateway)
    assert heard(await said(await a_session(gateway, "debug"), "old"))[0] == "debug"
    assert heard(await said(client, "old")) == LEVELS[1:]
    assert heard(await said(client, "new")) == []


@pytest.mark.requirement("logging.place")
@pytest.mark.parametrize("server", REMOTE)
async def test_each_of_many_at_once_hears_of_its_own_call_from_its_own_level(gateway: Gateway, server: str) -> None:
    async def one(number: int) -> None:
        level = LEVELS[number % len(LEVELS)]
        era = ("legacy", "modern")[number % 2]
        client = await a_session(gateway, level) if era == "legacy" else caller(gateway, "modern", NARROW)
        reply = await said(client, server, level if era == "modern" else "", text=str(number), times=3)
        assert heard(reply) == LEVELS[LEVELS.index(level) :] * 3
        assert {notice["params"]["data"]["said"] for notice in reply.notices} == {str(number)}

    await asyncio.gather(*map(one, range(16)))


@pytest.mark.requirement("logging.place")
async def test_what_a_shared_server_logs_without_saying_for_whom_is_shown_to_nobody(gateway: Gateway) -> None:
    assert heard(await said(await a_session(gateway, "debug"), "near")) == []
    assert heard(await said(caller(gateway, "modern"), "near", "debug")) == []


async def test_a_client_that_has_a_session_of_the_server_to_itself_hears_also_what_names_no_call(
    gateway: Gateway,
) -> None:
    old, new = caller(gateway, "legacy"), caller(gateway, "modern")
    await old.initialize(capabilities={"sampling": {}})
    assert (await old.ask("logging/setLevel", {"level": "error"})).result == {}
    assert heard(await said(old, "near")) == LEVELS[4:]
    meta = {LOG_LEVEL: "alert", "io.modelcontextprotocol/clientCapabilities": {"sampling": {}}}
    reply = await new.call("near__say", {"text": "x"}, _meta=meta)
    assert heard(reply) == LEVELS[6:]
    assert {notice["params"]["logger"] for notice in reply.notices} == {"near/inner"}


async def test_a_server_is_asked_for_a_level_once_and_before_the_call(gateway: Gateway) -> None:
    client = await a_session(gateway, "debug")
    for _ in range(3):
        assert heard(await said(client, "old"))[0] == "debug"
    levels = [entry for entry in json.loads((await client.call("old__heard")).text) if entry.startswith("level")]
    assert levels.count("level debug") == 1


@pytest.mark.parametrize("level", ["loud", "INFO", "", 3, None])
async def test_a_level_that_is_none_is_refused(gateway: Gateway, level: object) -> None:
    client = await a_session(gateway)
    assert (await client.ask("logging/setLevel", {"level": level})).error["code"] == -32602
    modern = caller(gateway, "modern")
    refused = await modern.call("new__say", {"text": "x"}, _meta={LOG_LEVEL: level})
    assert (refused.status, refused.error["code"]) == (400, -32602)
    removed = await modern.ask("logging/setLevel", {"level": "info"})
    assert (removed.status, removed.error["code"]) == (404, -32601)
