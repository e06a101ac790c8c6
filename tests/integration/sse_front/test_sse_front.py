"""HTTP+SSE on the raw wire, through nginx: who gets a session, where answers come, and what ends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.sse_front.conftest import ANN, BOB
from tests.support.gateway import Gateway
from tests.support.wire import Answer, Wire, names, until


@dataclass
class Client:
    """One session: what its stream brings, and a way to post."""

    gateway: Gateway
    key: str
    endpoint: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    async def post(self, message: dict[str, Any], key: str | None = None, endpoint: str = "") -> Answer:
        headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {key or self.key}")]
        async with await Wire.connect(self.gateway.host, self.gateway.port) as wire:
            raw = json.dumps({"jsonrpc": "2.0", **message}).encode()
            return await wire.request("POST", endpoint or self.endpoint, headers, raw)

    async def ask(self, method: str, params: dict[str, Any] | None = None, ident: object = 1) -> dict[str, Any]:
        accepted = await self.post({"id": ident, "method": method, "params": params or {}})
        assert (accepted.status, accepted.body) == (202, b"")
        return await self.answer(ident)

    async def answer(self, ident: object) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                for message in self.heard:
                    if message.get("id") == ident:
                        self.heard.remove(message)
                        return message
                self.news.clear()
                await self.news.wait()

    async def follow(self, wire: Wire) -> None:
        buffer = b""
        async for piece in wire.pieces():
            *events, buffer = (buffer + piece).split(b"\n\n")
            for event in events:
                fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line and line[:1] != b":")
                if fields.get(b"event") == b"endpoint":
                    self.endpoint = fields[b"data"].decode()
                elif b"data" in fields:
                    message = json.loads(fields[b"data"])
                    if not message.get("method", "").endswith("/list_changed"):  # servers may still be starting
                        self.heard.append(message)
                self.news.set()
        self.ended = True
        self.news.set()


def headers(key: str | None, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [*([("Authorization", f"Bearer {key}")] if key else []), ("Accept", "text/event-stream"), *more]


@asynccontextmanager
async def session(gateway: Gateway, key: str = ANN, path: str = "/sse") -> AsyncIterator[Client]:
    client = Client(gateway, key)
    async with await Wire.connect(gateway.host, gateway.port, 60.0) as wire:
        answer = await wire.ask("GET", path, headers(key))
        assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(client.follow(wire))
            async with asyncio.timeout(30):
                while not client.endpoint:
                    client.news.clear()
                    await client.news.wait()
            yield client
            while not following.done():
                following.cancel()
                await asyncio.wait([following], timeout=0.1)


HELLO = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}


async def test_a_session_begins_with_its_endpoint_and_every_answer_comes_on_its_stream(gateway: Gateway) -> None:
    async with session(gateway) as client, session(gateway, path="/sse/") as other:
        assert client.endpoint.startswith("/messages?sessionId=")
        assert client.endpoint != other.endpoint
        assert (await client.ask("initialize", HELLO))["result"]["protocolVersion"] == "2024-11-05"
        assert (await client.post({"method": "notifications/initialized"})).status == 202
        called = await client.ask("tools/call", {"name": "a__whoami", "arguments": {}}, "x")
        assert called["result"]["content"][0]["text"].startswith("a ")
        assert (await other.ask("ping"))["result"] == {}
        assert other.heard == []


async def test_large_answers_and_many_at_once_arrive_whole(gateway: Gateway) -> None:
    async with session(gateway) as client:

        async def one(number: int) -> None:
            arguments = {"size": 1000 * (number + 1), "label": f"{number} "}
            answer = await client.ask("tools/call", {"name": "a__sized", "arguments": arguments}, number)
            text = answer["result"]["content"][0]["text"]
            assert (len(text), text.split(" ")[0]) == (1000 * (number + 1), str(number))

        async with asyncio.TaskGroup() as tasks:
            for number in range(40):
                tasks.create_task(one(number))


async def test_progress_arrives_while_the_call_still_runs_and_a_cancel_ends_it(gateway: Gateway) -> None:
    async with session(gateway) as client:
        params = {"name": "a__hold", "arguments": {"label": "sse"}, "_meta": {"progressToken": "p"}}
        assert (await client.post({"id": 7, "method": "tools/call", "params": params})).status == 202
        async with asyncio.timeout(30):
            while not client.heard:
                client.news.clear()
                await client.news.wait()
        assert client.heard.pop()["params"]["progressToken"] == "p"
        cancel = {"method": "notifications/cancelled", "params": {"requestId": 7, "reason": "enough"}}
        assert (await client.post(cancel)).status == 202
        assert (await client.answer(7))["error"]["message"] == "enough"


async def test_both_paths_ask_for_a_key_and_a_session_is_its_principals_alone(gateway: Gateway) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        for key in (None, "key-of-nobody-0123456789-0123456789"):
            assert (await wire.request("GET", "/sse", headers(key))).status == 401
            assert (await wire.request("POST", "/messages?sessionId=x", headers(key), b"{}")).status == 401
        refused = await wire.request("GET", "/sse", headers(ANN, ("Origin", "https://evil.example")))
        assert refused.status == 403
    async with session(gateway) as client, session(gateway, BOB) as other:
        assert (await client.post({"id": 1, "method": "ping"}, key=BOB)).status == 404
        listed = await other.ask("tools/list")
        assert {name.split("__")[0] for name in names(listed["result"]["tools"])} == {"b"}
        for endpoint in ("/messages", "/messages?sessionId=w0-nobody"):
            assert (await client.post({"id": 1, "method": "ping"}, endpoint=endpoint)).status == 404


async def test_a_disconnect_ends_the_session_and_no_call(gateway: Gateway) -> None:
    async with session(gateway) as client:
        endpoint = client.endpoint
        params = {"name": "b__hold", "arguments": {"label": "left"}}
        assert (await client.post({"id": 1, "method": "tools/call", "params": params})).status == 202

    async def is_gone() -> bool:
        return (await client.post({"id": 2, "method": "ping"}, endpoint=endpoint)).status == 404

    await until(is_gone, "the session ends with its stream")
    async with session(gateway) as later:
        journal = await later.ask("tools/call", {"name": "b__journal", "arguments": {}})
        assert json.loads(journal["result"]["content"][0]["text"]) == ["started left"]
        await later.ask("tools/call", {"name": "b__release", "arguments": {"label": "left"}})


async def test_other_methods_and_other_messages_are_refused_in_json(gateway: Gateway) -> None:
    async with session(gateway) as client, await Wire.connect(gateway.host, gateway.port) as wire:
        posted = await wire.request("POST", "/sse", headers(ANN, ("Content-Type", "application/json")), b"{}")
        assert (posted.status, posted.header("allow")) == (405, "GET, OPTIONS")
        assert (await wire.request("GET", "/messages", headers(ANN))).status == 405
        assert (
            await wire.request("GET", "/sse", [("Authorization", f"Bearer {ANN}"), ("Accept", "text/html")])
        ).status == 406
        assert (await wire.request("GET", "/servers/a/sse", headers(ANN))).status == 404
        sent = [("Content-Type", "application/json"), ("Authorization", f"Bearer {ANN}")]
        for body in (b"{", b"[]", b"7"):
            refused = await wire.request("POST", client.endpoint, sent, body)
            assert refused.status == 400
            assert "error" in refused.json()
        assert client.heard == []
