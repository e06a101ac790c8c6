"""Tasks that clients of 2025-11-25 make themselves: listed, and told of, each to the client whose they are."""

import uuid
from typing import Any

import pytest

from tests.support.ann_and_bob import ANN, BOB, Make
from tests.support.listeners import Listener, listening
from tests.support.wire import Caller, until

STATUS = "tasks/status"


async def session(client: Make, server: str = "", key: str = ANN) -> Caller:
    caller = client(server, key=key, era="legacy")
    await caller.initialize()
    return caller


async def made(caller: Caller, server: str, tool: str = "slow", **wants: Any) -> dict[str, Any]:
    name = tool if "/servers/" in caller.path else f"{server}__{tool}"
    return (await caller.call(name, wants, task={"ttl": 60000})).result["task"]


async def listed(caller: Caller) -> dict[str, str]:
    """How each task stands, by its id, on all pages."""
    found, params = dict[str, str](), dict[str, str]()
    while True:
        page = (await caller.ask("tasks/list", params)).result
        found |= {task["taskId"]: task["status"] for task in page["tasks"]}
        if "nextCursor" not in page:
            return found
        params = {"cursor": page["nextCursor"]}


def statuses(listener: Listener) -> list[tuple[str, str]]:
    told = [each["params"] for each in listener.heard if each.get("method") == f"notifications/{STATUS}"]
    return [(params["taskId"], params["status"]) for params in told]


@pytest.mark.parametrize("server", ["pipe", "remote", "own"])
async def test_how_a_task_goes_on_is_told_to_its_client_alone_under_its_name(client: Make, server: str) -> None:
    ann, bob = await session(client), await session(client, key=BOB)
    anns, bobs = uuid.uuid4().hex, uuid.uuid4().hex
    async with listening(ann) as hears_ann, listening(bob) as hears_bob:
        hers, his = await made(ann, server, label=anns), await made(bob, server, label=bobs)
        await bob.call(f"{server}__finish", {"label": bobs, "status": "failed"})
        await ann.call(f"{server}__finish", {"label": anns})
        await hears_bob.hears(STATUS)
        await hears_ann.hears(STATUS)
        assert statuses(hears_ann) == [(hers["taskId"], "completed")]
        assert statuses(hears_bob) == [(his["taskId"], "failed")]


@pytest.mark.parametrize("server", ["pipe", "remote"])
async def test_its_progress_is_told_by_the_token_of_the_call_that_made_it(client: Make, server: str) -> None:
    ann, bob = await session(client), await session(client, key=BOB)
    labels = uuid.uuid4().hex, uuid.uuid4().hex
    async with listening(ann) as hears_ann, listening(bob) as hears_bob:
        for caller, label, token in ((ann, labels[0], "same"), (bob, labels[1], "same")):
            params = {"name": f"{server}__slow", "arguments": {"label": label}, "task": {}}
            assert (await caller.ask("tools/call", {**params, "_meta": {"progressToken": token}})).result["task"]
        await ann.call(f"{server}__finish", {"label": labels[0]})
        await hears_ann.hears("progress")
        await hears_ann.hears(STATUS)
        assert [m["params"] for m in hears_ann.heard if m["method"].endswith("progress")] == [
            {"progressToken": "same", "progress": 1}
        ]
        assert hears_bob.methods == []


@pytest.mark.parametrize("server", ["pipe", "remote"])
async def test_what_is_told_before_the_answer_is_read_by_anybody_is_not_lost(client: Make, server: str) -> None:
    ann = await session(client)
    async with listening(ann) as hears_ann:
        task = await made(ann, server, after=0)
        await hears_ann.hears(STATUS)
        assert statuses(hears_ann) == [(task["taskId"], "completed")]


async def test_whoever_asked_for_a_task_of_theirs_in_a_new_session_is_told_there(client: Make) -> None:
    label = uuid.uuid4().hex
    task = await made(await session(client), "pipe", label=label)
    again = await session(client)
    async with listening(again) as hears:
        assert (await again.ask("tasks/get", {"taskId": task["taskId"]})).result["status"] == "working"
        await again.call("pipe__finish", {"label": label})
        await hears.hears(STATUS)
        assert statuses(hears) == [(task["taskId"], "completed")]


async def test_the_list_has_ones_own_tasks_of_all_servers_as_they_stand_and_nobody_elses(client: Make) -> None:
    ann, bob = await session(client), await session(client, key=BOB)
    label = uuid.uuid4().hex
    hers = [await made(ann, server, label=label) for server in ("pipe", "remote", "own")]
    his = await made(bob, "pipe")
    assert {task["taskId"] for task in hers} <= (await listed(ann)).keys()
    assert his["taskId"] not in await listed(ann)
    assert his["taskId"] in await listed(bob)
    assert not {task["taskId"] for task in hers} & (await listed(bob)).keys()

    await ann.call("remote__finish", {"label": label})
    assert (await ann.ask("tasks/cancel", {"taskId": hers[0]["taskId"]})).result["status"] == "cancelled"
    found = await listed(await session(client))  # another session of the same client
    assert [found[task["taskId"]] for task in hers] == ["cancelled", "completed", "working"]
    alone = await listed(await session(client, "remote"))
    assert hers[1]["taskId"] in alone
    assert hers[0]["taskId"] not in alone


async def test_a_list_comes_in_pages_and_a_cursor_is_good_for_its_client_alone(client: Make) -> None:
    bob = await session(client, key=BOB)
    tasks = [(await made(bob, "pipe"))["taskId"] for _ in range(53)]
    first = (await bob.ask("tasks/list")).result
    seen = [task["taskId"] for task in first["tasks"]]
    cursor = first["nextCursor"]
    while cursor is not None:
        page = (await bob.ask("tasks/list", {"cursor": cursor})).result
        seen += [task["taskId"] for task in page["tasks"]]
        last, cursor = cursor, page.get("nextCursor")
    assert [task for task in seen if task in tasks] == tasks
    assert len(set(seen)) == len(seen)
    ann = await session(client)
    for caller, wrong in ((ann, last), (bob, tasks[0]), (bob, last[:-2]), (bob, "")):
        assert (await caller.ask("tasks/list", {"cursor": wrong})).error["code"] == -32602, wrong


async def test_a_task_that_its_server_has_forgotten_is_on_no_list(client: Make) -> None:
    ann = await session(client)
    task = await made(ann, "frail")
    kept = await made(ann, "pipe")
    with_both = await listed(ann)
    assert {task["taskId"], kept["taskId"]} <= with_both.keys()
    await client("frail").call("slow", {"die": True})

    async def gone() -> bool:
        return (await ann.ask("tasks/get", {"taskId": task["taskId"]})).error["message"] == "Unknown task"

    await until(gone, "the server runs again and knows no task")
    found = await listed(ann)
    assert kept["taskId"] in found
    assert task["taskId"] not in found


async def test_what_is_offered_of_tasks_is_what_the_servers_can_do(client: Make) -> None:
    async def offered(server: str, version: str = "2025-11-25") -> object:
        reply = await client(server, era="legacy").initialize(version)
        return reply.result["capabilities"].get("tasks")

    requests = {"requests": {"tools": {"call": {}}}}
    assert await offered("pipe") == {"list": {}, "cancel": {}, **requests}
    assert await offered("plain") is None
    assert await offered("pipe", "2025-06-18") is None
    assert (await client("plain", era="legacy").ask("tasks/list")).error["code"] == -32601
    assert (await client("pipe").ask("tasks/list")).error["code"] == -32601
