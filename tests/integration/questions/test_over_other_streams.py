"""A session's client is asked also over HTTP+SSE, and on a stream that it lost and resumed."""

import asyncio
import json
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.sse import sse_client

from tests.integration.questions.cast import ANN, Person, told
from tests.support.gateway import Gateway
from tests.support.wire import Caller, Wire


@pytest.mark.parametrize("server", ["files", "remote", "modern"])
async def test_a_client_of_http_sse_is_asked_on_its_stream(house: Gateway, server: str) -> None:
    ann = Person(lambda _: "Ann")
    stream = sse_client(f"{house.url}/sse", headers={"Authorization": f"Bearer {ANN}"})
    async with Client(stream, mode="legacy", elicitation_callback=ann.elicited) as client:
        if server == "modern":
            greeted = await client.call_tool("modern__greet", {"greeting": "hello"})
            assert not greeted.is_error
        else:
            answers = told(await client.call_tool(f"{server}__ask", {}))
            assert answers == [{"result": {"action": "accept", "content": {"text": "Ann"}}}]
        assert ann.asked[0].startswith(f"[{server}] ")


async def test_a_question_whose_stream_broke_is_there_for_the_client_that_comes_back(house: Gateway) -> None:
    client = Caller(house.host, house.port, ANN, patience=30.0)
    await client.initialize(capabilities={"elicitation": {}})
    async with client.open("tools/call", {"name": "remote__ask", "arguments": {}}, ident="call") as wire:
        assert (await wire.head()).is_stream
        first = await _event(wire)
        question = await _event(wire)
        assert json.loads(question["data"])["method"] == "elicitation/create"
    rest = [pair for pair in client.headers() if pair[0] not in {"Accept", "Content-Type"}]
    sent = [*rest, ("Accept", "text/event-stream"), ("Last-Event-ID", first["id"])]
    async with await client.wire() as wire:
        assert (await wire.ask("GET", client.path, sent)).status == 200
        again = await _event(wire)
        assert again == question
        answer = {"action": "accept", "content": {"text": "back"}}
        ident = json.loads(again["data"])["id"]
        accepted = await client.post(json.dumps({"jsonrpc": "2.0", "id": ident, "result": answer}).encode())
        assert accepted.status == 202
        last = json.loads((await _event(wire))["data"])
        assert last["id"] == "call"
        assert json.loads(last["result"]["content"][0]["text"])[0]["result"] == answer


_rest: dict[int, bytes] = {}


async def _event(wire: Wire) -> dict[str, Any]:
    """The next event with an id."""
    buffer = _rest.pop(id(wire), b"")
    async with asyncio.timeout(30):
        while True:
            while b"\n\n" in buffer:
                event, _, buffer = buffer.partition(b"\n\n")
                fields = dict(line.split(": ", 1) for line in event.decode().split("\n") if ": " in line)
                if "id" in fields:
                    _rest[id(wire)] = buffer
                    return fields
            buffer += await anext(aiter(wire.pieces()))
