"""Clients that nobody here wrote list everything and use every server, through nginx, in each way they can speak.

What a client has to see is asked of the servers themselves, without the gateway in between.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.interop.house import KEY, House
from tests.support.programs import ENVIRONMENTS, module_of, python_of

CLIENTS = Path(__file__).parent / "clients"
LISTS = ("tools", "prompts", "resources", "templates")
Json = dict[str, Any]


async def lists_of(client: Client, offered: Collection[str] = ("tools", "prompts", "resources")) -> Json:
    """The four lists as names; empty where the kind is not offered."""
    found: Json = {name: [] for name in LISTS}
    if "tools" in offered:
        found["tools"] = [item.name for item in (await client.list_tools()).tools]
    if "prompts" in offered:
        found["prompts"] = [item.name for item in (await client.list_prompts()).prompts]
    if "resources" in offered:
        found["resources"] = [str(item.uri) for item in (await client.list_resources()).resources]
        templates = (await client.list_resource_templates()).resource_templates
        found["templates"] = [item.uri_template for item in templates]
    return found


def direct(entry: Json) -> Client:
    """A client of one server of the config, without the gateway."""
    if "command" in entry:
        parameters = StdioServerParameters(command=entry["command"], args=entry.get("args", []), env=entry.get("env"))
        return Client(parameters, mode="legacy")
    if entry["url"].endswith("/sse"):
        return Client(sse_client(entry["url"]), mode="legacy")
    return Client(streamable_http_client(entry["url"]), mode="legacy")


@pytest.fixture(scope="module")
def expected(house: House) -> Json:
    """What all servers list, in config order, under the names the contract gives them; the first owns a URI."""

    async def ask(entry: Json) -> Json:
        async with direct(entry) as client:
            return await lists_of(client, client.server_capabilities.model_dump(exclude_none=True))

    async def ask_all() -> list[Json]:
        return await asyncio.gather(*(ask(entry) for entry in house.config["mcpServers"].values()))

    merged: Json = {name: [] for name in LISTS}
    for server, own in zip(house.config["mcpServers"], asyncio.run(ask_all()), strict=True):
        for kind in ("tools", "prompts"):
            merged[kind] += [re.sub(r"[^A-Za-z0-9_-]", "_", f"{server}__{name}") for name in own[kind]]
        for kind in ("resources", "templates"):
            merged[kind] += [uri for uri in own[kind] if uri not in merged[kind]]
    return merged


@asynccontextmanager
async def connected(endpoint: str, mode: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as http,
        Client(streamable_http_client(endpoint, http_client=http), mode=mode) as client,
    ):
        yield client


async def use_everything(client: Client, house: House, expected: Json) -> None:
    """The plan, through the SDK's client."""
    assert await lists_of(client) == expected
    for name, arguments, word in house.plan.calls:
        result = await client.call_tool(name, arguments)
        assert not result.is_error, (name, result)
        assert word in result.content[0].text, name
    for name, arguments, word in house.plan.prompts:
        assert word in (await client.get_prompt(name, arguments)).messages[0].content.text, name
    for uri, word in house.plan.resources:
        assert word in (await client.read_resource(uri)).contents[0].text, uri


def compare(report: Json, house: House, expected: Json) -> None:
    """The plan, as another program reports to have followed it."""
    assert {name: report[name] for name in LISTS} == expected
    for kind, asked in (("calls", house.plan.calls), ("gets", house.plan.prompts)):
        for (name, _, word), answer in zip(asked, report[kind], strict=True):
            assert word in answer, name
    for (uri, word), answer in zip(house.plan.resources, report["reads"], strict=True):
        assert word in answer, uri


async def run_program(argv: list[str], **environment: str) -> Json:
    """Runs a client program to its end; the report on the last line it prints."""
    child = await asyncio.create_subprocess_exec(
        *argv,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(child.communicate(), 60)
    except TimeoutError:
        child.kill()
        out, err = await child.communicate()
        raise AssertionError(f"{argv} did not end: {err.decode()[-2000:]}") from None
    assert child.returncode == 0, err.decode()[-3000:]
    return json.loads(out.decode().splitlines()[-1])


@pytest.mark.parametrize(
    ("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")]
)
async def test_the_sdks_client(endpoint: str, house: House, expected: Json, mode: str, version: str) -> None:
    async with connected(endpoint, mode) as client:
        assert client.protocol_version == version
        await use_everything(client, house, expected)
        # A remote server is spoken to in the client's era where it has it.
        assert (await client.call_tool("sdk2__era", {})).content[0].text == version


async def test_the_fastmcp_client(endpoint: str, house: House, expected: Json) -> None:
    argv = [python_of("client-fastmcp"), str(CLIENTS / "fastmcp_client.py")]
    report = await run_program(argv, ENDPOINT=endpoint, KEY=KEY, PLAN=json.dumps(house.plan.as_json()))
    compare(report, house, expected)


@pytest.mark.parametrize(
    ("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")]
)
async def test_the_typescript_client(endpoint: str, house: House, expected: Json, mode: str, version: str) -> None:
    report = await typescript(endpoint, mode, house)
    assert report["version"] == version
    compare(report, house, expected)


async def typescript(endpoint: str, mode: str, house: House) -> Json:
    """What the TypeScript client reports to have seen there."""
    return await run_program(
        ["node", str(CLIENTS / "typescript.mjs")],
        ENDPOINT=endpoint,
        KEY=KEY,
        MODE=mode,
        MODULES=str(ENVIRONMENTS / "clients-npm"),
        PLAN=json.dumps(house.plan.as_json()),
    )


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_mcp_remote(endpoint: str, house: House, expected: Json, mode: str, tmp_path: Path) -> None:
    """With the arguments that `connect claude-desktop` prints."""
    async with Client(bridge(endpoint, tmp_path), mode=mode) as client:
        await use_everything(client, house, expected)


def bridge(endpoint: str, folder: Path, *options: str) -> StdioServerParameters:
    """The stdio bridge that Claude Desktop uses."""
    proxy = module_of("clients-npm", "mcp-remote/dist/proxy.js")
    return StdioServerParameters(
        command="node",
        args=[proxy, endpoint, "--header", "Authorization:${AUTH_HEADER}", "--allow-http", *options],
        env={"AUTH_HEADER": f"Bearer {KEY}", "MCP_REMOTE_CONFIG_DIR": str(folder), "PATH": os.environ["PATH"]},
    )


async def test_progress_of_every_kind_of_server_arrives(endpoint: str) -> None:
    for mode in ("legacy", "2026-07-28"):
        async with connected(endpoint, mode) as client:
            for server in ("sdk2", "sdk1-sse", "sdk1-http"):
                seen: list[float] = []

                async def on_progress(progress: float, total: float | None, message: str | None) -> None:
                    seen.append(progress)  # noqa: B023 - awaited within the turn

                arguments = {"steps": 5}
                result = await client.call_tool(f"{server}__count", arguments, progress_callback=on_progress)
                assert result.content[0].text == "counted to 5"
                assert seen == [1, 2, 3, 4, 5], (mode, server)


async def test_completion_of_a_real_server(endpoint: str) -> None:
    from mcp_types import PromptReference

    for mode in ("legacy", "2026-07-28"):
        async with connected(endpoint, mode) as client:
            for server in ("everything", "everything-sse", "everything-http"):
                reference = PromptReference(name=f"{server}__completable-prompt")
                found = await client.complete(reference, {"name": "department", "value": "E"})
                assert "Engineering" in found.completion.values


async def test_one_servers_endpoint_is_that_server(endpoint: str, house: House) -> None:
    base = endpoint.removesuffix("/mcp")
    for mode in ("legacy", "auto"):
        async with connected(f"{base}/servers/sdk2/mcp", mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools][:2] == ["add", "count"]
            assert (await client.call_tool("add", {"a": 20, "b": 22})).content[0].text == "42"


async def test_fifty_clients_of_the_sdk_at_once(endpoint: str) -> None:
    async def visit(number: int) -> None:
        async with connected(endpoint, ("legacy", "2026-07-28")[number % 2]) as client:
            result = await client.call_tool("everything__echo", {"message": f"number {number}"})
            assert f"number {number}" in result.content[0].text

    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(visit(number))
