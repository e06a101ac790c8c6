"""A tool that its server runs as a task alone, called by a client that knows no tasks: the call waits for the task."""

import asyncio
import json
import uuid
from typing import Any

import pytest

from tests.integration.tasks.conftest import journal
from tests.support.ann_and_bob import BOB, Make
from tests.support.pace import kept
from tests.support.wire import META, Caller, until

ABLE = {META + "clientCapabilities": {"elicitation": {}}}
SAID = {"action": "accept", "content": {"text": "yes"}}


async def older(client: Make, server: str, **capabilities: Any) -> Caller:
    caller = client(server, era="legacy")
    await caller.initialize("2025-06-18", capabilities)
    return caller


@pytest.mark.parametrize("server", ["pipe", "remote", "own"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_outcome_of_the_task_is_the_answer_to_the_call(client: Make, server: str, era: str) -> None:
    caller = client(server) if era == "modern" else await older(client, server)
    for wants in ({"after": 0.3}, {"after": 0.3, "interval": 60_000}, {"hasty": True}, {"after": 0.3, "quiet": True}):
        result = (await caller.call("slow", wants)).result
        assert result["content"] == [{"type": "text", "text": "the outcome"}], wants
        assert META + "related-task" not in result.get("_meta", {})
        assert result.get("resultType") == ("complete" if era == "modern" else None)


async def test_what_the_tool_says_at_last_passes_be_it_an_error(client: Make) -> None:
    wrong = {"code": -32050, "message": "The tool broke", "data": {"at": 3}}
    failed = {"content": [{"type": "text", "text": "no"}], "isError": True}
    for caller in (client("pipe"), await older(client, "pipe")):
        result = (await caller.call("slow", {"after": 0.1, "outcome": {"result": failed}})).result
        assert (result["content"], result["isError"]) == (failed["content"], True)
    caller = await older(client, "pipe")
    assert (await caller.call("slow", {"after": 0.1, "outcome": {"error": wrong}})).error == wrong


async def test_a_client_of_2025_11_25_makes_its_tasks_itself(client: Make) -> None:
    caller = client("pipe", era="legacy")
    await caller.initialize()
    assert (await caller.call("slow")).error["code"] == -32601
    assert (await caller.call("slow", {}, task={})).result["task"]["status"] == "working"
    nameless = client("pipe", era="legacy", version="2025-11-25")
    assert (await nameless.call("slow")).error["code"] == -32601


async def test_where_a_server_has_no_tasks_what_a_tool_says_of_them_counts_for_nothing(client: Make) -> None:
    assert (await client("plain").call("slow")).status == 404
    assert (await client("plain").call("either")).text == "at once"


@pytest.mark.parametrize("server", ["pipe", "remote"])
async def test_progress_of_the_task_is_progress_of_the_call(client: Make, server: str) -> None:
    label = str(uuid.uuid4())
    params = {"name": "slow", "arguments": {"label": label}, "_meta": {"progressToken": "mine"}}
    async with client(server).open("tools/call", params, ident=5) as wire, asyncio.TaskGroup() as reading:
        head = reading.create_task(wire.head())
        finish = client(server)

        async def finished() -> bool:
            await finish.call("finish", {"label": label})
            return head.done()

        await until(finished, "the task ends")
        assert head.result().is_stream
        progress, answer = [message async for message in wire.messages()]
        assert progress["params"] == {"progressToken": "mine", "progress": 1}
        assert answer["result"]["content"][0]["text"] == "the outcome"


@pytest.mark.parametrize("server", ["pipe", "remote", "own"])
@pytest.mark.parametrize("wants", [{}, {"lag": 0.5}, {"interval": 60_000}])
async def test_hanging_up_cancels_the_task_as_its_revision_has_it(client: Make, server: str, wants: Any) -> None:
    caller = client(server, key=BOB)
    before = (await journal(caller)).count("tasks/cancel")
    seen = (await journal(caller)).count("tools/call slow")

    async def made() -> bool:
        return (await journal(caller)).count("tools/call slow") > seen

    async with caller.open("tools/call", {"name": "slow", "arguments": wants}):
        await until(made, "the server has been called")

    async def cancelled() -> bool:
        return (await journal(caller)).count("tasks/cancel") > before

    await until(cancelled, "the task is cancelled")


async def test_an_older_client_cancels_by_its_notification_and_not_by_hanging_up(client: Make) -> None:
    caller = await older(client, "pipe")
    before = (await journal(caller)).count("tasks/cancel")
    async with caller.open("tools/call", {"name": "slow", "arguments": {"label": "left"}}, ident="it"):

        async def made() -> bool:
            return "tasks/get" in (await journal(caller))[before:]

        await until(made, "the task is watched")
    await caller.notify("notifications/cancelled", {"requestId": "it"})

    async def cancelled() -> bool:
        return (await journal(caller)).count("tasks/cancel") == before + 1

    await until(cancelled, "the task is cancelled")


@pytest.mark.parametrize("server", ["pipe", "remote"])
async def test_what_the_task_wants_to_know_is_asked_of_the_client_of_the_call(client: Make, server: str) -> None:
    caller = client(server)
    asked = (await caller.call("slow", {"asks": "Which?"}, _meta=ABLE)).result
    assert asked["resultType"] == "input_required"
    [(key, question)] = asked["inputRequests"].items()
    assert question["params"]["message"] == f"[{server}] Which?"
    more = {"inputResponses": {key: SAID}, "requestState": asked["requestState"]}
    answer = (await caller.call("slow", {"asks": "Which?"}, _meta=ABLE, **more)).text
    assert json.loads(answer) == {"result": SAID}

    caller = await older(client, server, elicitation={})
    async with caller.open("tools/call", {"name": "slow", "arguments": {"asks": "Which?"}}, ident=9) as wire:
        assert (await wire.head()).is_stream
        messages = wire.messages()
        question = await anext(messages)
        assert question["params"]["message"] == f"[{server}] Which?"
        await caller.post(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": SAID}).encode())
        assert json.loads((await anext(messages))["result"]["content"][0]["text"]) == {"result": SAID}


async def test_a_task_that_is_under_way_is_a_sign_of_life_and_the_call_is_bounded_all_the_same(client: Make) -> None:
    caller = client("hurried")
    began = asyncio.get_running_loop().time()
    assert (await caller.call("slow", {"after": 1.8})).text == "the outcome"
    late = await caller.call("slow", {"label": "endless"})
    assert late.error["data"]["fault"] == "timeout"
    assert kept(asyncio.get_running_loop().time() - began, 12)
    assert "tasks/cancel" in await journal(caller)


async def test_a_server_that_dies_over_its_task_ends_the_call(client: Make) -> None:
    error = (await client("frail").call("slow", {"die": True})).error
    assert error["data"]["server"] == "frail"
    assert "Whether the call was carried out is unknown" in error["message"]
