"""Tasks of both kinds through the gateway: each client's own, named by us, and offered only where they work."""

from typing import Any

import pytest

from tests.integration.translate.conftest import TASKS
from tests.support.ann_and_bob import ANN, BOB, Make
from tests.support.wire import META, Caller, Reply

EXTENSION = META + "tasks"
ABLE = {"_meta": {META + "clientCapabilities": {"extensions": TASKS}}}


async def modern_task(caller: Caller, label: str) -> dict[str, Any]:
    name = "job" if "/servers/" in caller.path else "new__job"
    result = (await caller.call(name, {"label": label}, **ABLE)).result
    assert result["resultType"] == "task"
    return result


async def about(caller: Caller, method: str, task: str, **more: Any) -> Reply:
    """A request about a task, with the header that routes it."""
    params = {"taskId": task, **more, **(ABLE if caller.era == "modern" else {})}
    async with await caller.wire() as wire:
        return await Routed(caller, task).ask(method, params, wire=wire)


class Routed(Caller):
    """A client that sends `Mcp-Name` for tasks."""

    def __init__(self, caller: Caller, task: str) -> None:
        super().__init__(caller.host, caller.port, caller.key, caller.era, path=caller.path, version=caller.version,
                         session=caller.session)  # fmt: skip
        self.task = task

    def headers(self, method: str = "", params: dict[str, Any] | None = None) -> list[tuple[str, str]]:
        mirrored = [("Mcp-Name", self.task)] if self.era == "modern" else []
        return [*super().headers(method, params), *mirrored]


async def test_a_modern_servers_task_is_made_asked_for_answered_and_cancelled_under_one_name_of_ours(
    client: Make,
) -> None:
    caller = client()
    made = await modern_task(caller, "one")
    assert made["status"] == "working"
    for _ in range(2):
        found = (await about(caller, "tasks/get", made["taskId"])).result
        assert (found["taskId"], found["status"], found["resultType"]) == (made["taskId"], "working", "complete")
    assert (await caller.call("new__end", {"label": "one"})).text == "ended"
    done = (await about(caller, "tasks/get", made["taskId"])).result
    assert (done["status"], done["result"]["content"][0]["text"]) == ("completed", "the outcome")

    other = await modern_task(caller, "two")
    assert (await about(caller, "tasks/update", other["taskId"], inputResponses={"k": {}})).result["resultType"]
    assert (await about(caller, "tasks/get", other["taskId"])).result["status"] == "completed"
    third = await modern_task(client("new"), "three")
    assert (await about(client("new"), "tasks/cancel", third["taskId"])).result["resultType"] == "complete"
    assert (await about(caller, "tasks/get", third["taskId"])).result["status"] == "cancelled"


async def test_a_legacy_servers_task_is_made_asked_for_answered_and_cancelled(client: Make) -> None:
    caller = client("", era="legacy")
    asked = {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "x"}}
    caller.session = (await caller.ask("initialize", asked)).answer.header("mcp-session-id")
    caller.version = "2025-11-25"
    for _ in range(3):  # calls that may ask have sessions of their own, and a task stays where it was made
        assert (await caller.call("old__say", {"result": {"content": []}})).result is not None
    made = (await caller.call("old__job", {"label": "x"}, task={"ttl": 60000})).result["task"]
    got = (await about(caller, "tasks/get", made["taskId"])).result
    assert (got["taskId"], got["status"]) == (made["taskId"], "working")
    outcome = (await about(caller, "tasks/result", made["taskId"])).result
    assert outcome["content"][0]["text"] == "the outcome"
    assert outcome["_meta"][META + "related-task"] == {"taskId": made["taskId"]}
    cancelled = (await about(caller, "tasks/cancel", made["taskId"])).result
    assert (cancelled["taskId"], cancelled["status"]) == (made["taskId"], "cancelled")
    assert (await caller.call("old__job", {"label": "x"})).text == "done at once"


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_task_is_nobody_elses_and_its_name_can_be_made_by_nobody(client: Make, era: str) -> None:
    ann, bob = client(key=ANN, era=era), client(key=BOB, era=era)
    if era == "modern":
        task = (await modern_task(ann, "secret"))["taskId"]
    else:
        task = (await ann.call("old__job", {}, task={})).result["task"]["taskId"]
    assert "secret" not in task
    assert "working" in str((await about(ann, "tasks/get", task)).result)
    tried = [(bob, task), (ann, task[:-1]), (ann, task[:5] + ("A" if task[5] != "A" else "B") + task[6:]), (ann, "")]
    for caller, name in tried:
        for method in ("tasks/get", "tasks/cancel"):
            reply = await about(caller, method, name)
            assert (reply.error["code"], reply.error["message"]) == (-32602, "Unknown task."), name
    assert "working" in str((await about(ann, "tasks/get", task)).result)


async def test_tasks_are_offered_to_the_clients_whose_revision_has_them_in_the_form_of_their_server(
    client: Make,
) -> None:
    async def extensions(server: str) -> dict[str, Any]:
        capabilities = (await client(server).ask("server/discover")).result["capabilities"]
        return capabilities.get("extensions", {})

    async def tasks(server: str, version: str) -> object:
        reply = await client(server, era="legacy").initialize(version)
        return reply.result["capabilities"].get("tasks")

    assert await extensions("") == await extensions("new") == TASKS
    assert await tasks("", "2025-11-25") == {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
    assert await tasks("", "2025-06-18") is None


@pytest.mark.requirement("capability.undeclared")
async def test_requests_about_tasks_need_the_extension_and_a_server_that_has_it(client: Make) -> None:
    caller = client("new")
    params = {"taskId": "x"}
    reply = await Routed(caller, "x").ask("tasks/get", params)
    assert (reply.status, reply.error["code"]) == (400, -32021)
    assert reply.error["data"] == {"requiredCapabilities": {"extensions": TASKS}}
    for era, method in (("modern", "tasks/list"), ("modern", "tasks/result"), ("legacy", "tasks/update")):
        reply = await client("new", era=era).ask(method, params)
        assert reply.error["code"] == -32601, (era, method)
    reply = await caller.ask("tasks/get", {**params, **ABLE})
    assert (reply.status, reply.error["code"]) == (400, -32020), "Mcp-Name is what routes it"


async def test_a_client_that_did_not_ask_for_a_task_gets_none_from_a_server_of_the_other_era(client: Make) -> None:
    assert (await client("old").call("job", **ABLE)).text == "done at once"
    result = (await client("new", era="legacy").call("job", task={"ttl": 1})).result
    assert result["isError"]


async def test_changes_of_ones_own_tasks_are_told_where_one_listens_under_our_names(client: Make) -> None:
    ann, bob = client(), client(key=BOB)
    made, foreign = await modern_task(ann, "told"), await modern_task(bob, "foreign")
    other = await modern_task(ann, "untold")
    asked = {"taskIds": [made["taskId"], foreign["taskId"], "no task"]}
    async with ann.open("subscriptions/listen", {"notifications": asked, **ABLE}, ident="mine") as wire:
        assert (await wire.head()).is_stream
        messages = wire.messages()
        acknowledged = await anext(messages)
        assert acknowledged["params"]["notifications"] == {"taskIds": [made["taskId"]]}
        for label in ("untold", "foreign", "told"):
            assert (await ann.call("new__end", {"label": label})).result
        told = await anext(messages)
        assert told["method"] == "notifications/tasks"
        assert told["params"].pop("_meta") == {META + "subscriptionId": "mine"}
        assert (told["params"]["taskId"], told["params"]["status"]) == (made["taskId"], "completed")
    assert other["taskId"] != made["taskId"]


@pytest.mark.requirement("capability.undeclared")
async def test_to_hear_of_tasks_takes_the_extension_and_texts(client: Make) -> None:
    for filter_, more, code in (({"taskIds": ["x"]}, {}, -32021), ({"taskIds": "x"}, ABLE, -32602)):
        reply = await client().ask("subscriptions/listen", {"notifications": filter_, **more})
        assert (reply.status, reply.error["code"]) == (400, code)
