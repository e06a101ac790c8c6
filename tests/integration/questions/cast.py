"""Who plays where servers ask: the servers of each kind behind one gateway, and people who answer.

`ANN` and `BOB` are two clients of the gateway; `person` is the SDK's own client, with somebody behind it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

from tests.support.gateway import Gateway

ANN = "key-of-ann-0123456789-0123456789abc"
BOB = "key-of-bob-0123456789-0123456789abc"
KEYS: dict[str, Any] = {ANN: {"client_id": "ann"}, BOB: {"client_id": "bob"}}
MODERN = "2026-07-28"
WIRES = ["files", "remote", "aside", "own"]
"""The servers with sessions that ask, each reached in another way."""
Answer = Callable[[str], str | Awaitable[str]]


class Person:
    """Answers what she is asked, and remembers it."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.params: list[Any] = []

    async def elicited(self, _: object, params: Any) -> Any:
        self.asked.append(params.message)
        self.params.append(params)
        answer = self.answer(params)
        found = await answer if isinstance(answer, Awaitable) else answer
        return ElicitResult(action="accept", content={"text": found}) if isinstance(found, str) else found


@asynccontextmanager
async def person(
    house: Gateway, answer: Callable[[Any], Any], mode: str = "legacy", key: str = ANN, **callbacks: Any
) -> AsyncIterator[tuple[Client, Person]]:
    """The SDK's client for somebody who answers so."""
    somebody = Person(answer)
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
        Client(
            streamable_http_client(house.endpoint, http_client=http),
            mode=mode,  # type: ignore[arg-type]
            elicitation_callback=somebody.elicited,
            **callbacks,
        ) as client,
    ):
        yield client, somebody


def says(*texts: str) -> Callable[[Any], str]:
    """The answers of somebody who stays with the last one."""
    left = chain(texts, repeat(texts[-1]))
    return lambda _: next(left)


async def ask_two_at_once(house: Gateway, server: str, mode: str, eve: str = ANN) -> None:
    """Two people with a key each (or one) are asked; neither answers before both were, and each hears her own."""
    both = asyncio.Barrier(2)

    async def answer(params: Any) -> str:
        async with asyncio.timeout(30):
            await both.wait()
        return params.message.rpartition(" ")[2]

    async def ask(key: str, name: str) -> None:
        async with person(house, answer, mode, key) as (client, somebody):
            for turn in range(2):
                result = told(await client.call_tool(f"{server}__ask", {"message": f"you are {name}{turn}"}))
                assert result[0]["result"]["content"]["text"] == f"{name}{turn}"
            assert somebody.asked == [f"[{server}] you are {name}{turn}" for turn in range(2)]

    async with asyncio.TaskGroup() as people:
        people.create_task(ask(ANN, "ann"))
        people.create_task(ask(eve, "eve"))


def told(result: Any) -> Any:
    """What a tool of the asking servers answers: JSON in its one text."""
    assert not result.is_error, result
    return json.loads(result.content[0].text)


def told_text(message: dict[str, Any]) -> Any:
    """The same, of a JSON-RPC answer."""
    return json.loads(message["result"]["content"][0]["text"])
