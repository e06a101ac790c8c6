"""A client with a session is asked by servers with sessions: on the stream of the call that caused it."""

import asyncio
from typing import Any

import pytest

from tests.integration.questions.cast import ANN, BOB, person, told
from tests.support.gateway import Gateway

WIRES = ["files", "remote", "aside", "own"]


def says(text: str) -> Any:
    return lambda _: text


@pytest.mark.parametrize("server", WIRES)
async def test_the_sdks_client_is_asked_and_its_answer_reaches_the_server(house: Gateway, server: str) -> None:
    async with person(house, says("Ann")) as (client, ann):
        answers = told(await client.call_tool(f"{server}__ask", {}))
        assert answers == [{"result": {"action": "accept", "content": {"text": "Ann"}}}]
        assert ann.asked == [f"[{server}] Your name?"]


@pytest.mark.parametrize("server", WIRES)
async def test_two_people_asked_at_the_same_moment_get_their_own_question_each(house: Gateway, server: str) -> None:
    both = asyncio.Barrier(2)

    async def answer(params: Any) -> str:
        async with asyncio.timeout(10):
            await both.wait()  # neither answers before both were asked
        return params.message.rpartition(" ")[2]

    async def ask(key: str, name: str) -> None:
        async with person(house, answer, key=key) as (client, somebody):
            for turn in range(3):
                result = told(await client.call_tool(f"{server}__ask", {"message": f"you are {name}{turn}"}))
                assert result[0]["result"]["content"]["text"] == f"{name}{turn}"
            assert somebody.asked == [f"[{server}] you are {name}{turn}" for turn in range(3)]

    async with asyncio.TaskGroup() as people:
        people.create_task(ask(ANN, "ann"))
        people.create_task(ask(BOB, "bob"))
