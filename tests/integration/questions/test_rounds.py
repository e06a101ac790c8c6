"""A client with a session and a server that answers with questions: the gateway makes the rounds."""

import asyncio
import json
from typing import Any

import pytest
from mcp_types import CreateMessageResult, ElicitResult, ErrorData, TextContent

from tests.integration.questions.cast import ANN, BOB, person, says
from tests.integration.questions.wire import ALL, YES, Legacy
from tests.support.gateway import Gateway


def text_of(result: Any) -> str:
    return result.content[0].text


@pytest.mark.requirement("ask.echoed")
async def test_the_sdks_client_is_asked_and_its_answer_reaches_the_server(house: Gateway) -> None:
    async with person(house, says("Ann")) as (client, ann):
        result = await client.call_tool("modern__greet", {"greeting": "Hello"})
        assert text_of(result) == "Hello, Ann! state None"
        assert ann.asked == ["[modern] Your name?"]


@pytest.mark.requirement("ask.echoed")
async def test_a_server_that_asks_again_and_again_gets_its_own_state_back_each_time(house: Gateway) -> None:
    async with person(house, says("Ulm", "Graz", "Bern")) as (client, ann):
        result = await client.call_tool("modern__journey", {"start": "Köln"})
        assert text_of(result) == "Köln Ulm Graz Bern"
        assert ann.asked == [f"[modern] Stop {number}?" for number in (1, 2, 3)]


@pytest.mark.requirement("ask.gathered")
async def test_questions_asked_at_once_are_answered_together(house: Gateway) -> None:
    async def sampled(_: object, __: Any) -> CreateMessageResult:
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text="Dear"), model="m")

    async with person(house, says("Ann"), sampling_callback=sampled) as (client, _):
        assert text_of(await client.call_tool("modern__compose")) == "Dear Ann"


async def test_prompts_and_resources_ask_as_tools_do(house: Gateway) -> None:
    async with person(house, says("rivers", "blue")) as (client, ann):
        prompt = await client.get_prompt("modern__asking_prompt")
        assert prompt.messages[0].content.text == "Write about rivers."
        assert (await client.read_resource("asking://sea")).contents[0].text == "sea blue"
        assert ann.asked == ["[modern] Topic?", "[modern] Word?"]


@pytest.mark.requirement("ask.gathered")
async def test_two_people_asked_at_the_same_moment_get_their_own_question_each(house: Gateway) -> None:
    both = asyncio.Barrier(2)

    async def call(key: str, name: str) -> None:
        async def answer(_: Any) -> str:
            async with asyncio.timeout(30):
                await both.wait()
            return name

        async with person(house, answer, key=key) as (client, _):
            assert text_of(await client.call_tool("modern__greet", {"greeting": name})) == f"{name}, {name}! state None"

    async with asyncio.TaskGroup() as people:
        people.create_task(call(ANN, "ann"))
        people.create_task(call(BOB, "bob"))


async def test_a_server_hears_exactly_what_the_client_of_the_call_can_do(house: Gateway) -> None:
    async def told(able: dict[str, Any], version: str = "2025-11-25") -> Any:
        client = await Legacy(house, able=able, version=version).begin()
        return json.loads((await client.caller.call("modern__declared")).text)

    assert await told({**ALL, "experimental": {"x": {}}}) == ALL
    assert await told({"elicitation": {"form": {}, "url": {}}}, "2025-06-18") == {"elicitation": {"form": {}}}
    assert await told({}) == {}
    nameless = await Legacy(house).caller.call("modern__declared")
    assert json.loads(nameless.text) == {}


async def test_an_error_about_a_form_is_a_form_that_was_closed(house: Gateway) -> None:
    async with person(house, lambda _: ErrorData(code=-1, message="no")) as (client, _):
        assert text_of(await client.call_tool("modern__visit")) == "visited cancel"


async def test_a_client_that_refuses_to_sample_ends_the_call_that_needs_it(house: Gateway) -> None:
    client = await Legacy(house, able={"sampling": {}, "elicitation": {}}).begin()
    async with client.calls("modern__compose") as call:
        asked = [await call.request() for _ in range(2)]
        sampling = next(each for each in asked if each["method"] == "sampling/createMessage")
        form = next(each for each in asked if each["method"] == "elicitation/create")
        await client.answer(sampling["id"], error={"code": -1, "message": "User rejected sampling"})
        taken = await call.next()
        assert (taken["method"], taken["params"]["requestId"]) == ("notifications/cancelled", form["id"])
        assert (await call.next())["error"]["code"] == -32603


async def test_a_person_is_sent_to_a_url_under_a_name_that_the_gateway_gives(house: Gateway) -> None:
    async with person(house, lambda _: ElicitResult(action="accept")) as (client, ann):
        assert text_of(await client.call_tool("modern__visit")) == "visited accept"
        [params] = ann.params
        assert (params.mode, params.url, params.message) == ("url", "https://login.example/", "[modern] Log in")
        assert len(params.elicitation_id) >= 16


@pytest.mark.parametrize(
    ("version", "able", "says"),
    [
        ("2025-06-18", {"elicitation": {}}, "does not support (mode url)"),
        ("2025-11-25", {"sampling": {}}, "does not support (mode url)"),
    ],
)
async def test_a_client_that_cannot_be_asked_is_told_what_it_lacks(
    house: Gateway, version: str, able: dict[str, Any], says: str
) -> None:
    client = await Legacy(house, able=able, version=version).begin()
    result = (await client.caller.call("modern__visit")).result
    assert result["isError"] is True
    assert says in result["content"][0]["text"]
    assert "modern" in result["content"][0]["text"]


async def test_a_server_that_is_never_content_is_given_up_after_ten_rounds(house: Gateway) -> None:
    async with person(house, lambda _: "more") as (client, ann):
        result = await client.call_tool("modern__endless")
        assert result.is_error
        assert "asked 10 times" in text_of(result)
        assert len(ann.asked) == 10


async def test_a_server_that_asks_nothing_is_called_again(house: Gateway) -> None:
    client = await Legacy(house).begin()
    assert (await client.caller.call("modern__patience")).text == "called 3 times"


async def test_one_of_two_answered_is_waited_for_and_answers_count_once(house: Gateway) -> None:
    client = await Legacy(house).begin()
    async with client.calls("modern__compose") as call:
        asked = {each["method"]: each["id"] for each in [await call.request() for _ in range(2)]}
        await client.answer(asked["elicitation/create"], result={**YES, "content": {"text": "Ann"}})
        await client.answer(asked["elicitation/create"], result={**YES, "content": {"text": "Eve"}})
        content = {"type": "text", "text": "Dear"}
        result = {"role": "assistant", "content": content, "model": "m"}
        await client.answer(asked["sampling/createMessage"], result=result)
        message = await call.next()
        assert message["result"]["content"][0]["text"] == "Dear Ann"


async def test_a_client_that_hangs_up_while_asked_may_still_answer(house: Gateway) -> None:
    client = await Legacy(house).begin()
    async with client.calls("modern__greet", {"greeting": "Hello"}) as call:
        asked = await call.request()
    assert (await client.answer(asked["id"], result=YES)).status == 202


async def test_a_cancel_of_the_clients_ends_the_rounds(house: Gateway) -> None:
    client = await Legacy(house).begin()
    async with client.calls("modern__greet", {"greeting": "Hello"}) as call:
        asked = await call.request()
        await client.caller.notify("notifications/cancelled", {"requestId": 7})
        taken = await call.next()
        assert (taken["method"], taken["params"]["requestId"]) == ("notifications/cancelled", asked["id"])
