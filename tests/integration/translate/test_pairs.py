"""The same thing in all four cells: clients of either era over servers that speak one era alone, through nginx.

A server's own record (`seen`) says what it was sent, so that what is answered is known to have crossed.
"""

import json
from typing import Any

import pytest

from app.protocol.versions import LEGACY_VERSIONS
from tests.support.ann_and_bob import Make
from tests.support.pairs import each_pair
from tests.support.servers import polyglot
from tests.support.wire import META, Caller, Json, names

LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


async def seen(client: Make, server: str, method: str) -> list[Json]:
    """What the server itself was sent by that method."""
    found = json.loads((await client(server).call("seen")).text)
    return [one for one in found if one["method"] == method]


@each_pair
async def test_a_client_is_greeted_by_the_gateway_with_what_the_server_told_the_gateway(
    client: Make, era: str, server: str
) -> None:
    caller = client(server, era=era)
    if era == "legacy":
        greeting = (await caller.initialize()).result
        assert greeting["protocolVersion"] == "2025-11-25"
        assert not {"resultType", "ttlMs", "supportedVersions"} & set(greeting)
    else:
        greeting = (await caller.ask("server/discover")).result
        assert set(greeting["supportedVersions"]) == {"2026-07-28", *LEGACY_VERSIONS}
        assert "protocolVersion" not in greeting
    assert greeting["instructions"] == f"# {server}\n{polyglot.INSTRUCTIONS}"
    assert {"tools", "prompts", "resources", "completions"} <= set(greeting["capabilities"])
    own, foreign = ("server/discover", "initialize") if server == "new" else ("initialize", "server/discover")
    greeted = await seen(client, server, own)
    infos = [one["params"].get("clientInfo") or one["params"]["_meta"][META + "clientInfo"] for one in greeted]
    assert "wire" not in {info["name"] for info in infos}, "the gateway introduces itself, and not its client"
    assert not await seen(client, server, foreign) or server == "old", "an older server may have been tried first"


@pytest.mark.parametrize("version", ["2026-07-28", "2030-01-01"])
@pytest.mark.parametrize("server", ["old", "new"])
async def test_a_handshake_is_never_answered_with_a_revision_that_has_none(
    client: Make, server: str, version: str
) -> None:
    assert (await client(server, era="legacy").initialize(version)).result["protocolVersion"] == "2025-11-25"


@each_pair
async def test_a_list_is_in_the_words_of_its_reader(client: Make, era: str, server: str) -> None:
    caller = client(server, era=era)
    for method, kind in LISTS.items():
        result = (await caller.ask(method)).result
        if era == "legacy":
            assert set(result) == {kind}
        else:
            assert (result["resultType"], result["ttlMs"] > 0) == ("complete", server == "new")
            assert result["cacheScope"] == ("public" if server == "new" else "private")
    tools = {tool["name"]: tool for tool in (await caller.ask("tools/list")).result["tools"]}
    assert ("outputSchema" in tools["loose"]) is (era == "modern"), "its schema is of no object"


@pytest.mark.requirement("pages.opaque")
@each_pair
async def test_all_pages_of_a_server_are_one_list(client: Make, era: str, server: str) -> None:
    result = (await client(server, era=era).ask("tools/list")).result
    everything = names(polyglot.tools())
    left_out = {"misplaced"} if server == "new" else set[str]()
    assert "nextCursor" not in result
    assert names(result["tools"]) == [name for name in everything if name not in left_out]
    assert {one["params"].get("cursor") for one in await seen(client, server, "tools/list")} == {None, "4", "8"}


@each_pair
async def test_tools_prompts_and_resources_reach_the_server_under_its_own_names(
    client: Make, era: str, server: str
) -> None:
    caller = client(era=era)
    said: Json = {"content": [{"type": "text", "text": "ü"}], "structuredContent": {"a": [1.5]}, "vendor": None}
    result = (await caller.call(f"{server}__say", {"result": said})).result
    assert {name: result[name] for name in said} == said
    prompt = {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]}
    asked = {"name": f"{server}__greet", "arguments": {"result": json.dumps(prompt)}}
    assert (await caller.ask("prompts/get", asked)).result["messages"] == prompt["messages"]
    uri = f"poly://{server}"
    assert (await caller.ask("resources/read", {"uri": uri})).result["contents"] == [{"uri": uri, "text": server}]
    for method, key, own in (("tools/call", "name", "say"), ("prompts/get", "name", "greet"),
                             ("resources/read", "uri", uri)):  # fmt: skip
        sent = [one for one in await seen(client, server, method) if one["params"][key] == own][-1]
        told = {name: value for name, value in sent["headers"].items() if name in ("mcp-method", "mcp-name")}
        assert told == ({"mcp-method": method, "mcp-name": own} if server == "new" else {})


@each_pair
async def test_a_uri_finds_its_server_by_the_lists_or_else_by_asking_in_order(
    client: Make, era: str, server: str
) -> None:
    async def read(uri: str) -> Any:
        return (await client(era=era).ask("resources/read", {"uri": uri})).result["contents"][0]["text"]

    async def reads(uri: str) -> dict[str, int]:
        found = {name: await seen(client, name, "resources/read") for name in ("new", "old")}
        return {name: sum(one["params"]["uri"] == uri for one in each) for name, each in found.items()}

    for uri, asked in ((polyglot.OWN[server == "new"], {server}), ("poly://one", {"new"}),
                       (polyglot.UNLISTED[server == "new"], {"new", server})):  # fmt: skip
        before = await reads(uri)
        assert await read(uri) == uri.removeprefix("poly://")
        after = await reads(uri)
        assert {name for name in after if after[name] > before[name]} == asked, uri


@each_pair
async def test_a_change_of_folders_is_told_to_servers_that_were_told_of_them_and_to_no_modern_one(
    client: Make, era: str, server: str
) -> None:
    method = "notifications/roots/list_changed"
    before = len(await seen(client, server, method))
    for name in (server, "mine") if server == "new" else (server,):
        caller = client(name, era=era)
        if era == "legacy":
            await caller.initialize(capabilities={"roots": {"listChanged": True}})
        assert (await caller.call("say", {"result": {"content": []}})).result is not None
        assert (await caller.notify(method)).status == 202
        assert (await caller.call("say", {"result": {"content": []}})).result is not None
    told = await seen(client, server, method)
    assert len(told) - before == (1 if (era, server) == ("legacy", "old") else 0)


@each_pair
async def test_the_context_of_a_completion_reaches_the_server(client: Make, era: str, server: str) -> None:
    params = {
        "ref": {"type": "ref/prompt", "name": f"{server}__greet"},
        "argument": {"name": "who", "value": "a"},
        "context": {"arguments": {"other": "b"}},
    }
    result = (await client(era=era).ask("completion/complete", params)).result
    assert json.loads(result["completion"]["values"][0]) == params["context"]
    assert ("resultType" in result) is (era == "modern")
    sent = (await seen(client, server, "completion/complete"))[-1]["params"]
    assert sent["ref"] == {"type": "ref/prompt", "name": "greet"}


@each_pair
async def test_a_list_that_is_kept_costs_its_server_nothing(client: Make, era: str, server: str) -> None:
    caller = client(server, era=era)
    before = {method: len(await seen(client, server, method)) for method in LISTS}
    for _ in range(3):
        for method in LISTS:
            assert (await caller.ask(method)).result
    assert {method: len(await seen(client, server, method)) for method in LISTS} == before


@pytest.mark.parametrize("server", [pytest.param("old", id="L-L"), pytest.param("new", id="L-M")])
async def test_the_requests_of_a_batch_reach_the_server_one_by_one(client: Make, server: str) -> None:
    caller = client(server, era="legacy")
    await caller.initialize("2025-03-26")
    answer = await caller.post(
        json.dumps([a_call(1, "one"), a_call("2", "two"), {"jsonrpc": "2.0", "method": "x/y"}]).encode()
    )
    assert answer.status == 200
    found = {reply["id"]: reply["result"]["content"][0]["text"] for reply in answer.json()}
    assert found == {1: "one", "2": "two"}


@each_pair
async def test_a_ping_is_answered_in_the_era_that_has_it(client: Make, era: str, server: str) -> None:
    reply = await client(server, era=era).ask("ping")
    if era == "legacy":
        assert reply.result == {}
    else:
        assert (reply.status, reply.error["code"]) == (404, -32601)
    assert not await seen(client, server, "ping")


@pytest.mark.parametrize("server", [pytest.param("old", id="M-L"), pytest.param("new", id="M-M")])
async def test_a_modern_client_sends_no_batch(client: Make, server: str) -> None:
    caller: Caller = client(server)
    answer = await caller.post(json.dumps([a_call(1, "one")]).encode(), caller.headers("tools/call", {"name": "say"}))
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32600)


def a_call(ident: object, text: str) -> Json:
    arguments = {"result": {"content": [{"type": "text", "text": text}]}}
    params = {"name": "say", "arguments": arguments}
    return {"jsonrpc": "2.0", "id": ident, "method": "tools/call", "params": params}
