"""Results and errors of either era in the words of each client's revision, through nginx."""

import json
from typing import Any

import pytest

from app.protocol.versions import LEGACY_VERSIONS
from tests.support.ann_and_bob import Make
from tests.support.wire import Caller

AUDIO = {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}
LINK = {"type": "resource_link", "uri": "file:///a", "name": "a"}
NOVEL = {"type": "hologram", "data": [1.0]}


async def of_version(caller: Caller, version: str) -> Caller:
    if version != "2026-07-28":
        caller.era = "legacy"
        await caller.initialize(version)
    return caller


@pytest.mark.parametrize(
    ("version", "types"),
    [
        ("2024-11-05", ["resource", "text"]),
        ("2025-03-26", ["audio", "text"]),
        ("2025-06-18", ["audio", "resource_link"]),
        ("2025-11-25", ["audio", "resource_link"]),
        ("2026-07-28", ["audio", "resource_link"]),
    ],
)
@pytest.mark.parametrize("server", ["new", "old"])
async def test_no_client_is_shown_content_younger_than_itself(
    client: Make, server: str, version: str, types: list[str]
) -> None:
    caller = await of_version(client(server), version)
    arguments = {"result": {"content": [AUDIO, LINK]}}
    assert [block["type"] for block in (await caller.call("say", arguments)).result["content"]] == types
    prompt = {"messages": [{"role": "user", "content": AUDIO}, {"role": "user", "content": LINK}]}
    got = await caller.ask("prompts/get", {"name": "greet", "arguments": {"result": json.dumps(prompt)}})
    assert [message["content"]["type"] for message in got.result["messages"]] == types


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
async def test_a_modern_servers_words_lose_nothing_that_a_legacy_client_can_read(client: Make, version: str) -> None:
    caller = await of_version(client("new"), version)
    said: dict[str, Any] = {"content": [NOVEL], "structuredContent": [1, 2], "_meta": {"own/key": 1}, "ttlMs": 5}
    result = (await caller.call("say", {"result": said})).result
    assert set(result) == {"content", "_meta"}
    assert [json.loads(block["text"]) for block in result["content"]] == [NOVEL, [1, 2]]
    tools = {tool["name"]: tool for tool in (await caller.ask("tools/list")).result["tools"]}
    assert "outputSchema" not in tools["loose"]


@pytest.mark.requirement("codes.retired", "resources.not_found")
async def test_a_resource_that_is_not_there_is_a_wrong_param_with_its_uri_to_a_modern_client(client: Make) -> None:
    for server in ("new", "old"):
        reply = await client(server).ask("resources/read", {"uri": "poly://none"})
        assert (reply.status, reply.error["code"], reply.error["data"]) == (400, -32602, {"uri": "poly://none"})
        legacy = await client(server, era="legacy").ask("resources/read", {"uri": "poly://none"})
        assert (legacy.status, legacy.error["data"]["uri"]) == (200, "poly://none")


@pytest.mark.requirement("codes.integers", "codes.undefined")
@pytest.mark.parametrize("code", [0, -32000, -32099, "text"])
async def test_a_code_without_a_meaning_is_an_internal_error_to_a_modern_client(client: Make, code: object) -> None:
    error = {"code": code, "message": "broken", "data": 5}
    for server in ("new", "old", "pipe"):
        reply = await client(server).call("refuse", {"error": error})
        assert (reply.status, reply.error["code"], reply.error["message"]) == (200, -32603, "broken")
        assert reply.error["data"] == {"original": {"code": code, "data": 5}}


async def test_an_error_of_the_servers_own_passes_as_it_is(client: Make) -> None:
    error = {"code": 77, "message": "mine", "data": {"x": [1.5]}}
    for server in ("new", "old", "pipe"):
        for era in ("modern", "legacy"):
            reply = await client(server, era=era).call("refuse", {"error": error})
            assert (reply.status, reply.error) == (200, error)


@pytest.mark.requirement("capability.undeclared")
async def test_a_capability_that_is_lacking_is_an_error_with_its_status_or_a_failed_call_that_names_it(
    client: Make,
) -> None:
    reply = await client("new").call("job")
    assert (reply.status, reply.error["code"]) == (400, -32021)
    assert list(reply.error["data"]["requiredCapabilities"]["extensions"]) == ["io.modelcontextprotocol/tasks"]
    result = (await client("new", era="legacy").call("job")).result
    assert result["isError"]
    assert "io.modelcontextprotocol/tasks" in result["content"][0]["text"]
