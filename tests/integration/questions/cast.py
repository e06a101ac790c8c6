"""Who plays where servers ask: the servers of each kind behind one gateway, and people who answer.

`ANN` and `BOB` are two clients of the gateway; `person` is the SDK's own client, with somebody behind it.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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


def told(result: Any) -> Any:
    """What a tool of the asking servers answers: JSON in its one text."""
    assert not result.is_error, result
    return json.loads(result.content[0].text)


def told_text(message: dict[str, Any]) -> Any:
    """The same, of a JSON-RPC answer."""
    return json.loads(message["result"]["content"][0]["text"])
