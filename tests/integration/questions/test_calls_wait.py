"""A client without a session, and a server that asks in the middle of a call: the call waits for the answers."""

import asyncio
import json

import pytest

from tests.integration.questions.cast import ANN, BOB, MODERN, WIRES, ask_two_at_once, person, says, told
from tests.integration.questions.wire import YES, Modern
from tests.support.gateway import Gateway
from tests.support.wire import Json

FORM: Json = {
    "method": "elicitation/create",
    "params": {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {"text": {"type": "string"}}}},
}
SAMPLING = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}
TWO = {"questions": [FORM, SAMPLING]}


@pytest.mark.parametrize("mode", [MODERN, "auto"])
@pytest.mark.parametrize("server", WIRES)
async def test_the_sdks_client_is_asked_and_its_answer_reaches_the_server(
    house: Gateway, server: str, mode: str
) -> None:
    async with person(house, says("Ann"), mode) as (client, ann):
        answers = told(await client.call_tool(f"{server}__ask", {}))
        assert answers == [{"result": {"action": "accept", "content": {"text": "Ann"}}}]
        assert ann.asked == [f"[{server}] Your name?"]


@pytest.mark.parametrize("server", ["files", "remote"])
async def test_a_server_that_asks_again_and_again_is_answered_each_time(house: Gateway, server: str) -> None:
    questions = [{**FORM, "params": {**FORM["params"], "message": f"stop {number}"}} for number in range(3)]
    async with person(house, lambda params: params.message[-1], MODERN) as (client, ann):
        answers = told(await client.call_tool(f"{server}__in_turn", {"questions": questions}))
        assert [answer["result"]["content"]["text"] for answer in answers] == ["0", "1", "2"]
        assert ann.asked == [f"[{server}] stop {number}" for number in range(3)]


async def test_prompts_and_resources_ask_as_tools_do(house: Gateway) -> None:
    async with person(house, says("blue"), MODERN) as (client, ann):
        prompt = await client.get_prompt("files__topic")
        assert json.loads(prompt.messages[0].content.text)["result"]["content"] == {"text": "blue"}
        read = await client.read_resource("asking://word")
        assert json.loads(read.contents[0].text)["result"]["content"] == {"text": "blue"}
        assert len(ann.asked) == 2


@pytest.mark.parametrize("server", WIRES)
async def test_two_people_asked_at_the_same_moment_get_their_own_question_each(house: Gateway, server: str) -> None:
    # Who has a process of her own there, and no session, is known by her key alone.
    await ask_two_at_once(house, server, MODERN, BOB if server == "own" else ANN)


@pytest.mark.requirement("ask.keys")
@pytest.mark.parametrize("server", ["files", "remote"])
async def test_questions_that_come_together_are_asked_together_under_keys_of_ours(house: Gateway, server: str) -> None:
    ann = Modern(house)
    asked = await ann.question(f"{server}__ask", TWO)
    form, sampled = asked["inputRequests"].values()
    assert form["method"] == "elicitation/create"
    assert form["params"]["message"] == f"[{server}] Sure?"
    assert sampled["params"]["_meta"] == {"mcp-proxy/server": server}
    answers = {key: YES if key.startswith("elicitation") else {"role": "assistant"} for key in asked["inputRequests"]}
    reply = await ann.retry(f"{server}__ask", TWO, asked, answers)
    assert json.loads(reply.text) == [{"result": YES}, {"result": {"role": "assistant"}}]
    assert reply.result["resultType"] == "complete"


async def test_what_was_not_answered_is_asked_again_and_unknown_keys_are_passed_over(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("files__ask", TWO)
    first, second = asked["inputRequests"]
    again = (await ann.retry("files__ask", TWO, asked, {first: YES, "made up": YES, second: 7})).result
    assert list(again["inputRequests"]) == [second]
    assert again["requestState"] != asked["requestState"]
    assert (await ann.retry("files__ask", TWO, asked, {first: YES})).error["code"] == -32602, "the first round is over"
    reply = await ann.retry("files__ask", TWO, again, {second: {"role": "assistant"}})
    assert json.loads(reply.text) == [{"result": YES}, {"result": {"role": "assistant"}}]


@pytest.mark.requirement("ask.once")
async def test_a_call_is_answered_once(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("files__ask")
    [key] = asked["inputRequests"]
    assert json.loads((await ann.retry("files__ask", {}, asked, {key: YES})).text) == [{"result": YES}]
    again = await ann.retry("files__ask", {}, asked, {key: YES})
    assert (again.status, again.error["code"]) == (400, -32602)


@pytest.mark.requirement("ask.once")
async def test_two_answers_at_once_are_one(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("remote__ask")
    [key] = asked["inputRequests"]
    replies = await asyncio.gather(*(ann.retry("remote__ask", {}, asked, {key: YES}) for _ in range(5)))
    assert sorted("result" in reply.message for reply in replies) == [False] * 4 + [True]


async def test_a_state_is_good_for_its_own_client_and_arguments_alone_and_altered_for_nothing(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("files__ask")
    [key] = asked["inputRequests"]
    state, answers = asked["requestState"], {key: YES}
    refused = [
        await Modern(house, BOB).retry("files__ask", {}, asked, answers),
        await ann.retry("files__in_turn", {}, asked, answers),
        await ann.retry("remote__ask", {}, asked, answers),
        await ann.retry("files__ask", {"message": "other"}, asked, answers),
        await ann.retry("files__ask", {}, asked, answers, more=1),
    ]
    spelt = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, letter in enumerate(state):  # each of its bytes, in the one letter or the other
        other = spelt[(spelt.index(letter) + 21) % 64]
        altered = {**asked, "requestState": state[:at] + other + state[at + 1 :]}
        refused.append(await ann.retry("files__ask", {}, altered, answers))
    assert {(reply.status, reply.error["code"]) for reply in refused} == {(400, -32602)}
    assert len({reply.error["message"] for reply in refused}) == 1
    assert json.loads((await ann.retry("files__ask", {}, asked, answers)).text) == [{"result": YES}]


async def test_a_server_that_dies_while_a_call_waits_is_what_its_client_comes_back_to(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("files__die", {"after": 0.2})
    [key] = asked["inputRequests"]
    await asyncio.sleep(0.5)
    error = (await ann.retry("files__die", {"after": 0.2}, asked, {key: YES})).error
    assert (error["code"], error["data"]["server"]) == (-32603, "files")
    assert (await ann.retry("files__die", {"after": 0.2}, asked, {key: YES})).error["code"] == -32602


async def test_a_call_that_ended_by_itself_meanwhile_has_its_answer_kept(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("files__hasty", {"after": 0.2})
    [key] = asked["inputRequests"]
    await asyncio.sleep(0.4)
    assert json.loads((await ann.retry("files__hasty", {"after": 0.2}, asked, {key: YES})).text) == "done already"


async def test_a_call_that_ends_within_the_moment_is_answered_at_once(house: Gateway) -> None:
    assert json.loads((await Modern(house).call("files__hasty")).text) == "done already"


async def test_a_question_taken_back_is_not_asked_again(house: Gateway) -> None:
    ann = Modern(house)
    arguments = {"after": 0.1, "then": 0.5}
    asked = await ann.question("files__withdraw", arguments)
    await asyncio.sleep(0.3)
    assert json.loads((await ann.retry("files__withdraw", arguments, asked, {})).text) == "withdrawn"


@pytest.mark.parametrize("server", ["remote", "files"])
async def test_who_lacks_the_capability_is_told_which_and_the_call_is_cancelled(house: Gateway, server: str) -> None:
    for able, asks, needed in (
        ({}, FORM, {"elicitation": {"form": {}}}),
        ({"elicitation": {}}, SAMPLING, {"sampling": {}}),
        ({"sampling": {}}, FORM, {"elicitation": {"form": {}}}),
    ):
        reply = await Modern(house, able=able).call(f"{server}__ask", {"questions": [asks]})
        assert (reply.status, reply.error["code"]) == (400, -32021)
        assert reply.error["data"] == {"requiredCapabilities": needed}


async def test_a_server_that_has_one_session_for_all_asks_nobody(house: Gateway) -> None:
    one = await Modern(house).call("only__ask", {"questions": [FORM]})
    assert json.loads(one.text) == [{"result": {"action": "decline"}}]


async def test_a_session_is_opened_with_exactly_what_the_request_declares(house: Gateway) -> None:
    able = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}
    found = json.loads((await Modern(house, able=able).call("files__declared")).text)
    assert found["capabilities"] == {"elicitation": {"form": {}}, "sampling": {}}
    found = json.loads((await Modern(house, able=able).call("remote__declared")).text)
    assert found["capabilities"] == able


async def test_progress_before_while_and_after_reaches_the_client_where_it_is(house: Gateway) -> None:
    ann = Modern(house)
    meta = {"progressToken": "mine"}
    first = await ann.call("files__ask", _meta=meta)
    assert [notice["params"]["progress"] for notice in first.notices] == [1, 2]
    asked = first.result
    [key] = asked["inputRequests"]
    again = await ann.retry("files__ask", {}, asked, {key: YES}, _meta={"progressToken": 8})
    assert [(notice["params"]["progressToken"], notice["params"]["progress"]) for notice in again.notices] == [(8, 3)]
    assert json.loads(again.text) == [{"result": YES}]


async def test_the_error_that_sends_a_person_to_a_url_is_a_question_and_the_retry_calls_anew(house: Gateway) -> None:
    ann = Modern(house)
    asked = await ann.question("own__login")
    [(key, found)] = asked["inputRequests"].items()
    assert found["method"] == "elicitation/create"
    params = {name: found["params"][name] for name in ("mode", "url", "message")}
    assert params == {"mode": "url", "url": "https://login.example/", "message": "[own] Log in"}
    assert "elicitationId" not in found["params"]
    reply = await ann.retry("own__login", {}, asked, {key: {"action": "accept"}})
    assert json.loads(reply.text) == "logged in"


async def test_that_error_needs_a_client_that_can_go_to_urls(house: Gateway) -> None:
    reply = await Modern(house, BOB, able={"elicitation": {}}).call("own__login")
    assert (reply.status, reply.error["code"]) == (400, -32021)
    assert reply.error["data"] == {"requiredCapabilities": {"elicitation": {"url": {}}}}


async def test_parked_calls_are_bounded_for_each_client_and_all_are_answered(house: Gateway) -> None:
    ann = Modern(house)
    found = await asyncio.gather(*(ann.call("remote__ask", {"message": f"{number}"}) for number in range(34)))
    parked = [(number, reply.result) for number, reply in enumerate(found) if "result" in reply.message]
    refused = [reply.error for reply in found if "error" in reply.message]
    assert len(parked) == 32
    assert {(error["code"], error["data"]["fault"]) for error in refused} == {(-32603, "busy")}
    for number, asked in parked:
        [(key, question)] = asked["inputRequests"].items()
        assert question["params"]["message"] == f"[remote] {number}"
        reply = await ann.retry("remote__ask", {"message": f"{number}"}, asked, {key: YES})
        assert json.loads(reply.text) == [{"result": YES}]


async def test_another_call_of_the_client_is_answered_while_one_waits(house: Gateway) -> None:
    ann = Modern(house)
    waiting = await ann.question("files__ask")
    reply = await ann.call("files__journal")
    assert reply.status == 200
    [key] = waiting["inputRequests"]
    assert json.loads((await ann.retry("files__ask", {}, waiting, {key: YES})).text) == [{"result": YES}]
