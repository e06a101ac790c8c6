"""What the gateway owes a modern server as its client (2026-07-28), by the server's own record of what it was sent."""

import json

import pytest

from tests.support.ann_and_bob import Make
from tests.support.wire import META, Json, names

NEVER = ("mcp-session-id", "last-event-id", "authorization", "cookie")


async def record(client: Make, server: str = "new") -> list[Json]:
    return json.loads((await client(server).call("seen")).text)


@pytest.mark.requirement("http.sent", "meta.sent", "http.encoded")
async def test_each_message_is_a_post_with_the_headers_and_the_envelope_of_its_revision(client: Make) -> None:
    uri = "poly://größe"
    for era in ("modern", "legacy"):
        caller = client("new", era=era)
        await caller.ask("tools/list")
        await caller.call("say", {"result": {"content": []}})
        await caller.ask("resources/read", {"uri": uri})
        await caller.ask("vendor/echo", {})
        assert (await caller.notify("notifications/vendor")).status == 202
    sent = [one for one in await record(client) if one["method"] and not one["method"].startswith("notifications/")]
    assert {"server/discover", "tools/list", "tools/call", "resources/read"} <= {one["method"] for one in sent}
    for one in sent:
        headers, meta = one["headers"], one["params"]["_meta"]
        assert one["path"] == "/modern"
        assert {"application/json", "text/event-stream"} <= {each.strip() for each in headers["accept"].split(",")}
        assert headers["content-type"] == "application/json"
        assert headers["mcp-method"] == one["method"]
        assert headers["mcp-protocol-version"] == meta[META + "protocolVersion"] == "2026-07-28"
        assert isinstance(meta[META + "clientCapabilities"], dict)
        assert not set(NEVER) & set(headers)
    reads = [one["headers"]["mcp-name"] for one in sent if one["params"].get("uri") == uri]
    assert set(reads) == {"=?base64?cG9seTovL2dyw7bDn2U=?="}


@pytest.mark.requirement("stdio.no_responses", "http.sent")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_request_of_the_servers_is_answered_by_nothing(client: Make, era: str) -> None:
    caller = client("new", era=era)
    assert (await caller.call("steps", {"values": [1], "asks": True})).text == "stepped"
    assert (await caller.call("say", {"result": {"content": []}})).result is not None
    assert not [one for one in await record(client) if not one["method"]]


@pytest.mark.requirement("messages.unknown_type")
async def test_an_answer_of_a_type_of_its_own_is_for_clients_who_may_know_it(client: Make) -> None:
    said = {"resultType": "hologram", "content": []}
    assert (await client("new").call("say", {"result": said})).result["resultType"] == "hologram"
    assert (await client("new", era="legacy").call("say", {"result": said})).error["code"] == -32603


@pytest.mark.requirement("schemas.refs")
@pytest.mark.parametrize("server", ["new", "old"])
async def test_nothing_that_a_schema_refers_to_is_fetched(client: Make, server: str) -> None:
    for era in ("modern", "legacy"):
        caller = client(server, era=era)
        tools = (await caller.ask("tools/list")).result["tools"]
        assert "distant" in names(tools)
        far = next(tool for tool in tools if tool["name"] == "distant")["inputSchema"]["properties"]["far"]
        assert far["$ref"].endswith("/schema")
        await caller.call("distant", {"far": 1})
    assert "/schema" not in {one["path"] for one in await record(client, server)}
