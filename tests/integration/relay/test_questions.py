"""A modern server asks a modern client for input: the question, its answer, and who else cannot give it.

The server is the SDK's own, and so is the client where it is whole; where a client does what none should, it is ours.
"""

import json
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestFormParams, ElicitResult

from tests.integration.relay.cast import KEYS, NARROW, OTHER, WIDE
from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import SERVERS, keys_file, listening
from tests.support.wire import META, Caller, Json, until

PROGRAM = [sys.executable, str(SERVERS / "sdk2_asking.py")]
ALL = {"elicitation": {"form": {}}, "sampling": {}, "roots": {"listChanged": False}}
NAMED = {"name": {"action": "accept", "content": {"text": "Ann"}}}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = keys_file(KEYS, tmp_path_factory.mktemp("keys"))
    with listening(PROGRAM, PROGRAM) as (one, two):
        config: Json = {
            "asker": {"url": f"http://127.0.0.1:{one}/mcp"},
            "modern": {"url": f"http://127.0.0.1:{two}/mcp", "era": "modern"},
            "local": {"command": PROGRAM[0], "args": [*PROGRAM[1:], "stdio"], "era": "modern"},
            "rooted": {"command": PROGRAM[0], "args": [*PROGRAM[1:], "stdio"], "era": "modern", "roots": True},
        }
        with running_gateway({"mcpServers": config}, keys={}, env=env) as running:
            yield running


def caller(house: Gateway, key: str = WIDE, era: str = "modern", **more: Any) -> Caller:
    return Caller(house.host, house.port, key, era, **more)


@pytest.fixture(autouse=True)
async def listed(house: Gateway) -> None:
    async def all_there() -> bool:
        tools = (await caller(house).ask("tools/list")).result["tools"]
        return {tool["name"].partition("__")[0] for tool in tools} == {"asker", "modern", "local", "rooted"}

    await until(all_there, "all four servers are listed", 60)


@asynccontextmanager
async def person(house: Gateway, *answers: str, mode: str = "2026-07-28") -> AsyncIterator[tuple[Client, list[str]]]:
    """The SDK's client, that gives these answers in turn; and the questions it was asked."""
    left, asked = list(answers), list[str]()

    async def answer(_: object, params: ElicitRequestFormParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"text": left.pop(0)})

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {WIDE}"}, timeout=30) as http,
        Client(
            streamable_http_client(house.endpoint, http_client=http), mode=mode, elicitation_callback=answer
        ) as client,
    ):
        yield client, asked


def text_of(result: Any) -> str:
    return result.content[0].text


@pytest.mark.parametrize("mode", ["2026-07-28", "auto"])
@pytest.mark.parametrize("server", ["asker", "local"])
async def test_the_sdks_client_is_asked_and_its_answer_reaches_the_server(
    house: Gateway, mode: str, server: str
) -> None:
    async with person(house, "Ann", mode=mode) as (client, asked):
        result = await client.call_tool(f"{server}__greet", {"greeting": "Hello"})
        assert text_of(result) == "Hello, Ann! state None"
        assert asked == [f"[{server}] Your name?"]


@pytest.mark.parametrize("server", ["asker", "local"])
async def test_a_server_that_asks_again_and_again_gets_its_own_state_back_each_time(
    house: Gateway, server: str
) -> None:
    async with person(house, "Ulm", "Graz", "Bern") as (client, asked):
        result = await client.call_tool(f"{server}__journey", {"start": "Köln"})
        assert text_of(result) == "Köln Ulm Graz Bern"
        assert asked == [f"[{server}] Stop {number}?" for number in (1, 2, 3)]


@pytest.mark.requirement("ask.methods")
async def test_prompts_and_resources_ask_as_tools_do(house: Gateway) -> None:
    async with person(house, "rivers", "blue") as (client, asked):
        prompt = await client.get_prompt("asker__asking_prompt")
        assert prompt.messages[0].content.text == "Write about rivers."
        assert (await client.read_resource("asking://sea")).contents[0].text == "sea blue"
        assert asked == ["[asker] Topic?", "[asker] Word?"]


def able(**params: Any) -> Json:
    return {**params, "_meta": {META + "clientCapabilities": ALL}}


async def question(house: Gateway, server: str = "asker", greeting: str = "Hello") -> str:
    """Makes the server ask; the state that comes with it."""
    result = (
        await caller(house).ask("tools/call", able(name=f"{server}__greet", arguments={"greeting": greeting}))
    ).result
    assert result["resultType"] == "input_required"
    assert list(result["inputRequests"]) == ["name"]
    return result["requestState"]


async def retry(house: Gateway, state: object, key: str = WIDE, server: str = "asker", **more: Any) -> Any:
    params = able(name=f"{server}__greet", arguments={"greeting": "Hello"}, inputResponses=NAMED, requestState=state)
    return await caller(house, key).ask("tools/call", {**params, **more})


async def test_a_retry_by_the_one_who_was_asked_is_answered(house: Gateway) -> None:
    assert (await retry(house, await question(house))).text == "Hello, Ann! state None"


async def test_answers_without_a_state_are_the_servers_to_judge(house: Gateway) -> None:
    assert (await retry(house, None)).text == "Hello, Ann! state None"


@pytest.mark.requirement("ask.state")
async def test_a_state_is_good_for_its_own_client_server_and_arguments_alone(house: Gateway) -> None:
    state = await question(house)
    replies = [
        await retry(house, state, OTHER),
        await retry(house, state, server="modern"),
        await retry(house, state, arguments={"greeting": "Bye"}),
        await retry(house, state, more=1),
        await retry(house, ("B" if state[0] == "A" else "A") + state[1:]),
        await retry(house, state[:-1] + ("B" if state[-1] == "A" else "A")),
        await retry(house, ""),
        await retry(house, "made up"),
        await retry(house, 7),
    ]
    for reply in replies:
        assert (reply.status, reply.error["code"]) == (400, -32602)
    assert len({json.dumps(reply.error["message"]) for reply in replies}) == 1


async def test_a_state_gives_no_right_that_the_key_has_not(house: Gateway) -> None:
    assert (await retry(house, await question(house), NARROW)).error["code"] == -32602


@pytest.mark.requirement("ask.declared")
async def test_a_server_hears_what_the_client_of_the_very_request_can_do(house: Gateway) -> None:
    async def told(server: str, key: str = WIDE, **more: Any) -> Json:
        reply = await caller(house, key).ask("tools/call", {"name": f"{server}__declared", "arguments": {}, **more})
        return json.loads(reply.text)

    assert await told("asker", _meta=able()["_meta"]) == ALL
    assert await told("asker", OTHER) == {}
    assert await told("local", _meta=able()["_meta"]) == {"elicitation": {"form": {}}, "sampling": {}}
    assert await told("rooted", _meta=able()["_meta"]) == ALL
    tasks = {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
    assert await told("asker", _meta={META + "clientCapabilities": tasks}) == tasks


async def test_a_legacy_client_of_a_modern_server_declares_nothing_whatever_it_says(house: Gateway) -> None:
    legacy = caller(house, era="legacy")
    await legacy.initialize()
    reply = await legacy.call("modern__declared", _meta=able()["_meta"])
    assert json.loads(reply.text) == {}


async def test_a_legacy_client_that_a_modern_server_asks_all_the_same_is_told_so(house: Gateway) -> None:
    legacy = caller(house, era="legacy")
    await legacy.initialize()
    reply = await legacy.call("modern__greet", {"greeting": "Hello"})
    assert (reply.status, reply.result["isError"]) == (200, True)
    assert reply.text == "Server modern asked for what this client has not declared: elicitation."
    assert "resultType" not in json.dumps(reply.message)


def test_the_key_is_its_owners_and_nowhere_else(house: Gateway) -> None:
    path = house.directory / "data" / "state.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_bytes()
    assert len(key) == 32
    assert key.hex() not in house.log()
