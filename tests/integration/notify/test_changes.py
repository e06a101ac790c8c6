"""A change of a server's list reaches those whose own list it changes, and nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import mcp_types as types
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ToolsListChanged

from tests.support.gateway import Gateway
from tests.support.listeners import NARROW, PATIENCE, WIDE, caller, listening
from tests.support.pace import kept
from tests.support.wire import names

TOOLS = "tools/list_changed"
PROMPTS = "prompts/list_changed"


@asynccontextmanager
async def sdk_client(gateway: Gateway, mode: Literal["legacy", "2026-07-28"], **more: Any) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {WIDE}"}, timeout=httpx2.Timeout(30)) as http,
        Client(streamable_http_client(gateway.endpoint, http_client=http), mode=mode, **more) as client,
    ):
        yield client


async def test_a_legacy_client_of_the_sdk_hears_that_tools_changed(gateway: Gateway, server: str, fresh: str) -> None:
    heard = asyncio.Event()

    async def hear(message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    async with sdk_client(gateway, "legacy", message_handler=hear) as client:
        assert client.server_capabilities.tools is not None
        assert client.server_capabilities.tools.list_changed is True
        async with listening(caller(gateway, "modern")):  # so that its own stream has had the time to open
            await client.call_tool(f"{server}__grow", {"name": fresh})
            async with asyncio.timeout(PATIENCE):
                await heard.wait()
        assert f"{server}__{fresh}" in [tool.name for tool in (await client.list_tools()).tools]


async def test_a_modern_client_of_the_sdk_hears_that_tools_changed(gateway: Gateway, server: str, fresh: str) -> None:
    async with (
        sdk_client(gateway, "2026-07-28") as client,
        client.listen(tools_list_changed=True, resource_subscriptions=["file:///a"]) as subscription,
    ):
        assert subscription.honored.tools_list_changed is True
        assert subscription.honored.resource_subscriptions == ["file:///a"]
        await client.call_tool(f"{server}__grow", {"name": fresh})
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await anext(aiter(subscription)), ToolsListChanged)
        assert f"{server}__{fresh}" in [tool.name for tool in (await client.list_tools()).tools]


async def test_one_change_is_told_once_however_often_it_is_announced(
    gateway: Gateway, server: str, era: str, fresh: str, mark: str
) -> None:
    client = caller(gateway, era)
    async with listening(client) as listener:
        began = time.monotonic()
        await client.call(f"{server}__grow", {"name": fresh, "announcements": 100})
        await listener.hears(TOOLS)
        assert kept(time.monotonic() - began, 3)
        listed = names((await client.ask("tools/list")).result["tools"])
        assert f"{server}__{fresh}" in listed
        await client.call(f"{server}__mark", {"name": mark})
        await listener.hears(PROMPTS)
        assert listener.changes == [TOOLS, PROMPTS]


async def test_a_list_that_is_announced_and_the_same_is_told_to_nobody_who_lists_many_servers(
    gateway: Gateway, server: str, mark: str
) -> None:
    async with listening(caller(gateway, "legacy")) as old, listening(caller(gateway, "modern")) as new:
        await new.client.call(f"{server}__grow", {"name": "grow", "announcements": 5})
        await new.client.call(f"{server}__mark", {"name": mark})
        for listener in (old, new):
            await listener.hears(PROMPTS)
            assert listener.changes == [PROMPTS]


async def test_who_asks_one_server_by_name_hears_all_that_it_announces(gateway: Gateway, era: str, server: str) -> None:
    async with listening(caller(gateway, era, path=f"/servers/{server}/mcp")) as listener:
        await caller(gateway, "modern").call(f"{server}__grow", {"name": "grow", "announcements": 1})
        await listener.hears(TOOLS)


async def test_those_who_may_not_see_it_hear_nothing(gateway: Gateway, era: str, fresh: str, mark: str) -> None:
    async with (
        listening(caller(gateway, era, NARROW)) as narrow,
        listening(caller(gateway, era, path="/servers/bench/mcp")) as elsewhere,
        listening(caller(gateway, era, path="/servers/near/mcp")) as near,
        listening(caller(gateway, era)) as wide,
    ):
        await narrow.client.call("near__grow", {"name": fresh})
        for listener in (wide, near):
            await listener.hears(TOOLS)
        await narrow.client.call("near__mark", {"name": mark})
        for listener in (narrow, wide, near):
            await listener.hears(PROMPTS)
        assert narrow.changes == [PROMPTS]
        assert elsewhere.changes == []


@pytest.mark.requirement("listen.filter")
async def test_what_was_not_asked_for_is_not_told(gateway: Gateway, fresh: str, mark: str) -> None:
    client = caller(gateway, "modern")
    async with listening(client, {"promptsListChanged": True}) as prompts:
        await client.call("near__grow", {"name": fresh})
        await client.call("near__mark", {"name": mark})
        await prompts.hears(PROMPTS)
        assert prompts.changes == [PROMPTS]
