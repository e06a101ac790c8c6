"""What a server asks beside forms, samples and folders: a visit to a URL, a sign of life; and what it cannot do."""

import json

import pytest

from tests.integration.questions.cast import ANN
from tests.integration.questions.wire import Legacy, Modern
from tests.support.gateway import Gateway
from tests.support.wire import Caller

URL = {"message": "Log in", "mode": "url", "url": "https://login.example/", "elicitationId": "e7"}
PUSHED = {"questions": [{"method": "elicitation/create", "params": URL}]}
NO_URLS = {"elicitation": {"form": {}}}


@pytest.mark.parametrize(
    ("server", "tool", "arguments"),
    [
        pytest.param("modern", "visit", {}, id="M-M"),
        pytest.param("remote", "ask", PUSHED, id="M-L"),
        pytest.param("files", "ask", PUSHED, id="M-L over stdio"),
    ],
)
async def test_a_modern_client_is_sent_to_a_url_in_the_words_of_its_revision(
    house: Gateway, server: str, tool: str, arguments: dict[str, object]
) -> None:
    ann = Modern(house)
    asked = await ann.question(f"{server}__{tool}", arguments)
    [(key, found)] = asked["inputRequests"].items()
    params = {name: found["params"].get(name) for name in ("mode", "url", "message", "elicitationId")}
    assert params == {"mode": "url", "url": URL["url"], "message": f"[{server}] Log in", "elicitationId": None}
    reply = await ann.retry(f"{server}__{tool}", arguments, asked, {key: {"action": "accept"}})
    assert "accept" in reply.text
    refused = await Modern(house, able=NO_URLS).call(f"{server}__{tool}", arguments)
    if server == "modern":  # the server's own matter: it knows what this client can do
        assert refused.result["inputRequests"], refused
    else:
        assert (refused.status, refused.error["code"]) == (400, -32021)
        assert refused.error["data"] == {"requiredCapabilities": {"elicitation": {"url": {}}}}


async def test_a_question_in_the_middle_of_progress_of_a_modern_server_keeps_its_place(house: Gateway) -> None:
    token, answer = {"progressToken": "mine"}, {"action": "accept", "content": {"text": "Ann"}}
    old = await Legacy(house).begin()
    async with old.calls("modern__staged", _meta=token) as call:
        before, asked = await call.next(), await call.request()
        assert before["params"] == {"progressToken": "mine", "progress": 1}
        await old.answer(asked["id"], result=answer)
        assert (await call.next())["params"] == {"progressToken": "mine", "progress": 2}
        assert (await call.next())["result"]["content"][0]["text"] == "Ann"
    new = Modern(house)
    first = await new.call("modern__staged", _meta=token)
    assert [notice["params"]["progress"] for notice in first.notices] == [1]
    again = await new.retry("modern__staged", {}, first.result, {"name": answer}, _meta={"progressToken": 8})
    assert [(each["params"]["progressToken"], each["params"]["progress"]) for each in again.notices] == [(8, 2)]
    assert again.text == "Ann"


@pytest.mark.parametrize("server", ["files", "remote", "aside"])
async def test_a_server_that_asks_for_a_sign_of_life_gets_it_of_the_gateway(house: Gateway, server: str) -> None:
    for able in ({}, None):  # in the session that all share, and in one of its own
        both = {"questions": [{"method": "ping"}]}
        client = await Legacy(house, able=able).begin()
        assert json.loads((await client.caller.call(f"{server}__ask", both)).text) == [{"result": {}}]
        assert json.loads((await Modern(house, able=able).call(f"{server}__ask", both)).text) == [{"result": {}}]


@pytest.mark.parametrize("server", ["files", "modern"])
async def test_completions_of_a_server_that_has_none_are_an_unknown_method(house: Gateway, server: str) -> None:
    name = "topic" if server == "files" else "asking_prompt"
    params = {"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "a", "value": ""}}
    for era, status in (("legacy", 200), ("modern", 404)):
        client = Caller(house.host, house.port, ANN, era, path=f"/servers/{server}/mcp")
        reply = await client.ask("completion/complete", params)
        assert (reply.status, reply.error["code"]) == (status, -32601)


@pytest.mark.requirement("ask.kinds")
async def test_what_a_server_asks_in_no_words_of_any_revision_is_asked_of_nobody(house: Gateway) -> None:
    unknown = {"questions": [{"method": "vendor/ask", "params": {}}]}
    for reply in (
        await (await Legacy(house).begin()).caller.call("remote__ask", unknown),
        await Modern(house).call("remote__ask", unknown),
    ):
        assert json.loads(reply.text)[0]["error"]["code"] == -32601
