"""A client with a session is asked by servers with sessions: on the stream of the call that caused it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client.session import ClientSession
from mcp.client.sse import sse_client
from mcp_types import CreateMessageResult, ErrorData, ListRootsResult, Root, TextContent

from tests.integration.questions.cast import ANN, BOB, WIRES, Person, ask_two_at_once, person, says, told
from tests.integration.questions.wire import YES, Legacy, Stream
from tests.support.gateway import Gateway
from tests.support.wire import Wire, until

URL = {"message": "Log in", "mode": "url", "url": "https://login.example/", "elicitationId": "e7"}


@pytest.mark.parametrize("server", WIRES)
async def test_the_sdks_client_is_asked_and_its_answer_reaches_the_server(house: Gateway, server: str) -> None:
    async with person(house, says("Ann")) as (client, ann):
        answers = told(await client.call_tool(f"{server}__ask", {}))
        assert answers == [{"result": {"action": "accept", "content": {"text": "Ann"}}}]
        assert ann.asked == [f"[{server}] Your name?"]


@pytest.mark.parametrize("server", WIRES)
async def test_two_people_asked_at_the_same_moment_get_their_own_question_each(house: Gateway, server: str) -> None:
    await ask_two_at_once(house, server, "legacy")


@pytest.mark.parametrize("server", ["files", "remote"])
async def test_sampling_and_roots_are_asked_too_and_a_refusal_passes(house: Gateway, server: str) -> None:
    async def sampled(_: object, params: Any) -> Any:
        if params.max_tokens == 1:
            return ErrorData(code=-1, message="User rejected sampling", data={"why": "tired"})
        text = TextContent(type="text", text=f"wrote {params.max_tokens}")
        return CreateMessageResult(role="assistant", content=text, model="m")

    async def roots(_: object) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///home/me", name="me")])

    ask = {"messages": [{"role": "user", "content": {"type": "text", "text": "Write"}}]}
    questions = [
        {"method": "sampling/createMessage", "params": {**ask, "maxTokens": 5}},
        {"method": "sampling/createMessage", "params": {**ask, "maxTokens": 1}},
        {"method": "roots/list"},
    ]
    callbacks = {"sampling_callback": sampled, "list_roots_callback": roots}
    async with person(house, says("x"), **callbacks) as (client, _):
        wrote, refused, found = told(await client.call_tool(f"{server}__ask", {"questions": questions}))
    assert wrote["result"]["content"]["text"] == "wrote 5"
    assert refused == {"error": {"code": -1, "message": "User rejected sampling", "data": {"why": "tired"}}}
    if server == "remote":
        assert found["result"]["roots"][0]["uri"] == "file:///home/me"
    else:  # a client's folders are not folders of a server on this machine
        assert found["error"]["code"] == -32601


async def test_prompts_and_resources_ask_as_tools_do(house: Gateway) -> None:
    async with person(house, says("blue")) as (client, ann):
        prompt = await client.get_prompt("files__topic")
        assert json.loads(prompt.messages[0].content.text)["result"]["content"] == {"text": "blue"}
        read = await client.read_resource("asking://word")
        assert json.loads(read.contents[0].text)["result"]["content"] == {"text": "blue"}
        assert len(ann.asked) == 2


@pytest.mark.parametrize("server", ["files", "remote"])
async def test_a_session_is_opened_with_exactly_what_its_client_declared(house: Gateway, server: str) -> None:
    able = {"elicitation": {"url": {}}, "roots": {"listChanged": True}}
    client = await Legacy(house, able=able).begin()
    found = json.loads((await client.caller.call(f"{server}__declared")).text)
    assert found["capabilities"] == (able if server == "remote" else {"elicitation": {"url": {}}})
    plain = await Legacy(house, able={"experimental": {}}).begin()
    shared = json.loads((await plain.caller.call(f"{server}__declared")).text)
    assert shared["capabilities"] == {}
    assert shared["session"] != found["session"]
    nameless = Legacy(house)
    assert json.loads((await nameless.caller.call(f"{server}__declared")).text)["session"] == shared["session"]


@pytest.mark.parametrize("server", ["files", "remote", "only"])
async def test_who_cannot_be_asked_has_the_question_declined_and_the_call_goes_on(house: Gateway, server: str) -> None:
    client = await Legacy(house, able={} if server != "only" else None).begin()
    questions = [
        {"method": "elicitation/create", "params": {"message": "?", "requestedSchema": {"type": "object"}}},
        {"method": "sampling/createMessage", "params": {}},
    ]
    form, sampled = json.loads((await client.caller.call(f"{server}__ask", {"questions": questions})).text)
    assert form == {"result": {"action": "decline"}}
    assert sampled["error"]["code"] == -32601


async def test_an_answer_counts_once_and_from_the_session_that_was_asked_alone(house: Gateway) -> None:
    ann, eve = await Legacy(house).begin(), await Legacy(house).begin()
    async with ann.calls("files__ask") as call:
        asked = await call.request()
        assert asked["params"]["message"] == "[files] Your name?"
        assert asked["params"]["_meta"] == {"mcp-proxy/server": "files"}
        for stranger in (eve, await Legacy(house, BOB).begin(), Legacy(house)):
            found = await stranger.answer(asked["id"], result={"action": "accept", "content": {"text": "not mine"}})
            assert (found.status, found.body) == (202, b"")
        for ident in (99, "x", -1):
            assert (await ann.answer(ident, result=YES)).status == 202
        assert (await ann.answer(asked["id"], result=YES)).status == 202
        assert (await ann.answer(asked["id"], result={"action": "decline"})).status == 202, "too late, and dropped"
        assert await call.text() == [{"result": YES}]


async def test_an_elicitation_in_the_middle_of_progress_keeps_its_place(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.calls("files__ask", _meta={"progressToken": "mine"}) as call:
        seen = [await call.next() for _ in range(3)]
        assert [message["method"] for message in seen] == [
            "notifications/progress", "elicitation/create", "notifications/progress",
        ]  # fmt: skip
        await ann.answer(seen[1]["id"], result=YES)
        last = await call.next()
        assert last["params"] == {"progressToken": "mine", "progress": 3}
        assert await call.text() == [{"result": YES}]


async def test_a_question_that_the_server_takes_back_is_taken_back_under_our_id(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.calls("files__withdraw") as call:
        asked = await call.request()
        taken = await call.next()
        assert (taken["method"], taken["params"]["requestId"]) == ("notifications/cancelled", asked["id"])
        assert await call.text() == "withdrawn"


async def test_a_server_that_does_not_wait_has_its_answer_passed_and_the_question_taken_back(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.calls("files__hasty") as call:
        asked = await call.request()
        assert (await call.next())["params"]["requestId"] == asked["id"]
        assert await call.text() == "done already"
    assert (await ann.answer(asked["id"], result=YES)).status == 202


async def test_a_server_that_dies_while_its_client_is_asked_is_a_fault(house: Gateway) -> None:
    ann = await Legacy(house, able={"sampling": {}}).begin()
    question = {"method": "sampling/createMessage", "params": {}}
    async with ann.calls("files__die", {"questions": [question]}) as call:
        await call.request()
        assert (await call.next())["method"] == "notifications/cancelled"
        error = (await call.next())["error"]
    assert (error["code"], error["data"]["server"]) == (-32603, "files")
    assert "unknown" in error["message"]


async def test_a_client_that_hangs_up_while_asked_has_not_cancelled_and_may_still_answer(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.calls("own__ask") as call:
        asked = await call.request()
    assert (await ann.answer(asked["id"], result=YES)).status == 202

    async def journal() -> list[str]:
        return json.loads((await ann.caller.call("own__journal")).text)

    assert not any(line.startswith("cancelled") for line in await journal())
    assert not any(line.startswith("stray") for line in await journal())


async def test_a_question_waits_for_a_client_that_lost_its_stream_and_is_told_again(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.caller.open("tools/call", {"name": "files__ask", "arguments": {}}, ident=7) as wire:
        await wire.head()
        first = await anext(event async for event in ids(wire))
    async with await ann.caller.wire() as wire:
        rest = [pair for pair in ann.caller.headers() if pair[0] not in {"Accept", "Content-Type"}]
        await wire.ask("GET", "/mcp", [*rest, ("Accept", "text/event-stream"), ("Last-Event-ID", first)])
        call = Stream(wire)
        asked = await call.request()
        assert asked["params"]["message"] == "[files] Your name?"
        await ann.answer(asked["id"], result=YES)
        assert await call.text() == [{"result": YES}]


async def ids(wire: Wire) -> AsyncIterator[str]:
    """The ids of the events of a stream."""
    async for piece in wire.pieces():
        for line in piece.split(b"\n"):
            if line.startswith(b"id:"):
                yield line[3:].strip().decode()


async def test_clients_of_the_first_transport_are_asked_on_their_stream(house: Gateway) -> None:
    ann = Person(says("Ann"))
    headers = {"Authorization": f"Bearer {ANN}"}
    async with (
        sse_client(f"{house.url}/sse", headers=headers) as (read, write),
        ClientSession(read, write, elicitation_callback=ann.elicited) as client,
    ):
        await client.initialize()
        for server in ("files", "remote", "modern"):
            tool, arguments = ("greet", {"greeting": "Hello"}) if server == "modern" else ("ask", {})
            result = await client.call_tool(f"{server}__{tool}", arguments)
            assert "Ann" in result.content[0].text
    assert ann.asked == [f"[{server}] Your name?" for server in ("files", "remote", "modern")]


async def test_a_cancel_of_the_clients_reaches_the_server_while_it_asks(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.calls("own__ask") as call:
        await call.request()
        await ann.caller.notify("notifications/cancelled", {"requestId": 7, "reason": "enough"})
        assert (await call.next())["method"] == "notifications/cancelled"

        async def cancelled() -> bool:
            return "cancelled enough" in json.loads((await ann.caller.call("own__journal")).text)

        await until(cancelled, "the server heard of it")


async def test_the_end_of_a_session_is_the_end_of_its_questions(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    async with ann.calls("files__ask") as call:
        await call.request()
        async with await ann.caller.wire() as wire:
            assert (await wire.request("DELETE", "/mcp", ann.caller.headers())).status == 204
        answer = (await call.text())[0]
    assert answer["error"]["code"] == -32603


@pytest.mark.parametrize(("version", "asked"), [("2025-11-25", True), ("2025-06-18", False)])
async def test_only_clients_of_the_last_session_revision_are_sent_to_urls(
    house: Gateway, version: str, asked: bool
) -> None:
    ann = await Legacy(house, version=version).begin()
    arguments = {"questions": [{"method": "elicitation/create", "params": URL}]}
    if not asked:
        reply = await ann.caller.call("remote__ask", arguments)
        assert json.loads(reply.text) == [{"result": {"action": "decline"}}]
        return
    async with ann.calls("remote__ask", arguments) as call:
        found = await call.request()
        assert (found["params"]["elicitationId"], found["params"]["url"]) == ("e7", URL["url"])
        await ann.answer(found["id"], result={"action": "accept"})
        assert await call.text() == [{"result": {"action": "accept"}}]


async def test_the_error_that_sends_a_person_to_a_url_passes_where_both_know_it(house: Gateway) -> None:
    ann = await Legacy(house).begin()
    error = (await ann.caller.call("own__login")).error
    assert (error["code"], error["data"]["elicitations"][0]["elicitationId"]) == (-32042, "e1")


async def test_a_server_that_wants_roots_at_once_gets_them_of_its_first_client(house: Gateway) -> None:
    async def roots(_: object) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///home/me")])

    async with person(house, says("x"), list_roots_callback=roots) as (client, _):

        async def known() -> bool:
            journal = told(await client.call_tool("rooted__journal", {}))
            return any("file:///home/me" in line for line in journal)

        await until(known, "the server knows the client's folders")


async def test_a_call_without_questions_in_it_costs_no_session(house: Gateway) -> None:
    plain = await Legacy(house, able={}).begin()
    before = json.loads((await plain.caller.call("remote__declared")).text)["session"]
    after = json.loads((await plain.caller.call("remote__declared")).text)["session"]
    assert before == after


async def test_a_change_of_roots_reaches_the_session_that_was_told_of_them(house: Gateway) -> None:
    ann = await Legacy(house, able={"roots": {"listChanged": True}}).begin()
    await ann.caller.call("remote__declared")
    assert (await ann.caller.notify("notifications/roots/list_changed")).status == 202

    async def heard() -> bool:
        journal = json.loads((await ann.caller.call("remote__journal")).text)
        return "notifications/roots/list_changed" in journal

    await until(heard, "the server heard of it")
