"""A person at the raw wire, for what no SDK does: answers that are late, made up, half, altered or somebody else's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.questions.cast import ANN, told_text
from tests.support.gateway import Gateway
from tests.support.wire import META, Answer, Caller, Json, Reply, Wire

ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
YES = {"action": "accept", "content": {"text": "yes"}}


class Modern:
    """A client without a session. Each call declares `able`."""

    def __init__(self, house: Gateway, key: str = ANN, able: Json | None = None) -> None:
        self.caller = Caller(house.host, house.port, key, "modern", patience=30)
        self.able = ALL if able is None else able

    async def call(self, name: str, arguments: Json | None = None, **more: Any) -> Reply:
        meta = {META + "clientCapabilities": self.able, **more.pop("_meta", {})}
        params = {"name": name, "arguments": arguments or {}, "_meta": meta, **more}
        return await self.caller.ask("tools/call", params)

    async def question(self, name: str, arguments: Json | None = None, **more: Any) -> Json:
        """A call that is answered by a question."""
        result = (await self.call(name, arguments, **more)).result
        assert result["resultType"] == "input_required", result
        return result

    async def retry(self, name: str, arguments: Json | None, asked: Json, answers: Json, **more: Any) -> Reply:
        more = {"inputResponses": answers, "requestState": asked["requestState"], **more}
        return await self.call(name, arguments, **more)


class Legacy:
    """A client with a session that declared `able`."""

    def __init__(self, house: Gateway, key: str = ANN, able: Json | None = None, version: str = "2025-11-25") -> None:
        self.caller = Caller(house.host, house.port, key, patience=30)
        self.able = ALL if able is None else able
        self.version = version

    async def begin(self) -> "Legacy":
        params = {
            "protocolVersion": self.version,
            "capabilities": self.able,
            "clientInfo": {"name": "w", "version": "1"},
        }
        reply = await self.caller.ask("initialize", params)
        self.caller.session, self.caller.version = reply.answer.header("mcp-session-id"), self.version
        assert (await self.caller.notify("notifications/initialized")).status == 202
        return self

    @asynccontextmanager
    async def calls(self, name: str, arguments: Json | None = None, **more: Any) -> AsyncIterator["Stream"]:
        """A call under way, on the stream of its answer."""
        async with self.caller.open(
            "tools/call", {"name": name, "arguments": arguments or {}, **more}, ident=7
        ) as wire:
            assert (await wire.head()).is_stream
            yield Stream(wire)

    async def answer(self, ident: object, **rest: Any) -> Answer:
        return await self.caller.post(json.dumps({"jsonrpc": "2.0", "id": ident, **rest}).encode())


class Stream:
    """The messages on the stream of one call."""

    def __init__(self, wire: Wire) -> None:
        self._messages = wire.messages()

    async def next(self) -> Json:
        async with asyncio.timeout(30):
            return await anext(self._messages)

    async def request(self) -> Json:
        """The next thing the client is asked."""
        message = await self.next()
        assert "method" in message, message
        assert "id" in message, message
        return message

    async def text(self) -> Any:
        """What the call ends with."""
        message = await self.next()
        assert message.get("id") == 7, message
        return told_text(message)
