"""Arguments that travel in headers too, through nginx, in both directions."""

import json
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.ann_and_bob import ANN, Make
from tests.support.gateway import Gateway
from tests.support.wire import Caller, Reply, read_reply


async def send(caller: Caller, name: str, arguments: dict[str, Any], *mirrored: tuple[str, str]) -> Reply:
    """A tool call of a modern client that mirrors these."""
    params = {"name": name, "arguments": arguments}
    async with await caller.wire() as wire:
        headers = [*caller.headers("tools/call", params), *mirrored]
        body = json.dumps(caller.body("tools/call", params, 7)).encode()
        return await read_reply(wire, await wire.ask("POST", caller.path, headers, body), 7)


async def last_call(caller: Caller) -> dict[str, Any]:
    """What the server itself was sent as its last call of `routed`."""
    seen = json.loads((await caller.call("seen")).text)
    return [one for one in seen if one["method"] == "tools/call" and one["params"]["name"] == "routed"][-1]


@pytest.mark.requirement("param.validated", "param.missing", "param.decoded", "param.status", "param.case")
@pytest.mark.parametrize("server", ["new", "old", "pipe"])
async def test_what_a_modern_client_mirrors_must_be_there_and_agree(client: Make, server: str) -> None:
    caller = client(server)
    arguments = {"region": "Zürich", "count": 42}
    right = [("MCP-PARAM-region", "=?base64?WsO8cmljaA==?="), ("mcp-param-Count", "42.0")]
    assert json.loads((await send(caller, "routed", arguments, *right)).text) == arguments
    for wrong in (
        [],
        right[:1],
        [*right, right[0]],
        [("Mcp-Param-Region", "=?base64?WsO8cmljaA=?="), right[1]],
        [("Mcp-Param-Region", "Zurich"), right[1]],
        [right[0], ("Mcp-Param-Count", "43")],
    ):
        reply = await send(caller, "routed", arguments, *wrong)
        assert (reply.status, reply.error["code"], reply.message["id"]) == (400, -32020, 7), (wrong, reply)


@pytest.mark.requirement("param.null")
async def test_a_header_for_a_value_that_is_null_or_absent_is_refused_and_none_is_expected(client: Make) -> None:
    caller = client("new")
    assert (await send(caller, "routed", {"region": None}, ("Mcp-Param-Region", "null"))).status == 400
    assert (await send(caller, "routed", {}, ("Mcp-Param-Region", "x"))).status == 400
    assert (await send(caller, "routed", {"region": None})).status == 200
    assert (await send(caller, "routed", {})).status == 200


async def test_every_name_that_a_header_can_have_comes_through_to_both_sides(client: Make) -> None:
    caller, arguments = client("new"), {"odd": {"name": True}}
    assert (await send(caller, "routed", arguments)).status == 400
    assert (await send(caller, "routed", arguments, ("Mcp-Param-A_b!c.d~", "false"))).status == 400
    assert (await send(caller, "routed", arguments, ("Mcp-Param-a_B!C.D~", "true"))).status == 200
    assert (await last_call(caller))["headers"]["mcp-param-a_b!c.d~"] == "true"


@pytest.mark.requirement("param.unknown")
async def test_headers_that_no_tool_asks_for_mean_nothing(client: Make) -> None:
    reply = await send(client("new"), "say", {"result": {"content": []}}, ("Mcp-Param-Other", "x"))
    assert reply.status == 200, reply


@pytest.mark.requirement("param.sent")
async def test_a_server_is_sent_headers_made_from_the_body_and_none_of_the_clients(client: Make) -> None:
    caller = client()
    params = ("Mcp-Param-Region", "=?base64?ZXU=?="), ("Mcp-Param-Other", "x"), ("X-Own", "y")
    assert (await send(caller, "new__routed", {"region": "eu"}, *params)).status == 200
    headers = (await last_call(client("new")))["headers"]
    assert {name: value for name, value in headers.items() if name.startswith(("mcp-", "x-"))} == {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "routed",
        "mcp-param-region": "eu",
    }


async def test_a_legacy_client_mirrors_nothing_and_its_modern_server_gets_the_headers(client: Make) -> None:
    caller = client("new", era="legacy")
    assert (await caller.call("routed", {"region": " padded ", "count": 3})).result
    headers = (await last_call(client("new")))["headers"]
    assert (headers["mcp-param-region"], headers["mcp-param-count"]) == ("=?base64?IHBhZGRlZCA=?=", "3")


@pytest.mark.requirement("param.tools")
async def test_a_tool_with_an_annotation_that_is_none_is_listed_only_where_none_is_sent(client: Make) -> None:
    for server, shown in (("new", False), ("old", True), ("pipe", True)):
        tools = [tool["name"] for tool in (await client(server).ask("tools/list")).result["tools"]]
        assert ("misplaced" in tools) is shown, server
        assert "routed" in tools


async def test_a_server_whose_annotations_have_changed_is_listed_again_and_called_once_more(client: Make) -> None:
    caller = client("shifting")
    assert (await caller.call("shift", {"header": "Area"})).result
    try:
        reply = await send(caller, "routed", {"region": "eu"}, ("Mcp-Param-Region", "eu"))
        assert json.loads(reply.text) == {"region": "eu"}
        assert (await last_call(caller))["headers"]["mcp-param-area"] == "eu"
        tools = (await caller.ask("tools/list")).result["tools"]
        routed = next(tool for tool in tools if tool["name"] == "routed")
        assert routed["inputSchema"]["properties"]["region"]["x-mcp-header"] == "Area"
    finally:
        await caller.call("shift", {"header": "Region"})


async def test_a_server_that_left_the_revision_is_asked_in_another_and_the_call_is_answered(client: Make) -> None:
    caller = client("retiring")
    assert (await caller.call("retire")).result
    assert (
        await caller.call("say", {"result": {"content": [{"type": "text", "text": "still here"}]}})
    ).text == "still here"


@pytest.mark.parametrize("code", [-32020, -32022])
async def test_what_a_server_thinks_of_our_form_is_never_passed_on(client: Make, code: int) -> None:
    error = {"code": code, "message": "of the form", "data": {"supported": ["2026-07-28"]}}
    for era in ("modern", "legacy"):
        reply = await client("new", era=era).call("refuse", {"error": error, "status": 400})
        assert reply.error["code"] == -32603, reply


@pytest.mark.parametrize("server", ["new", "old", "pipe"])
async def test_the_sdks_client_mirrors_what_the_gateway_checks_and_the_server_gets(house: Gateway, server: str) -> None:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {ANN}"}, timeout=30) as http,
        Client(streamable_http_client(house.endpoint, http_client=http), mode="2026-07-28") as client,
    ):
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert f"{server}__routed" in names
        assert f"{server}__misplaced" not in names, "the SDK's client drops it where the gateway lists it"
        arguments = {"region": "Zürich ", "count": -7, "odd": {"name": False}}
        result = await client.call_tool(f"{server}__routed", arguments)
        assert not result.is_error
        assert json.loads(result.content[0].text) == arguments
