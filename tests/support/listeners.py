"""Clients that listen, over the raw wire: the stream of a legacy session, and a modern subscription."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.gateway import Gateway
from tests.support.wire import Answer, Caller, Wire

WIDE = "key-of-the-wide-client-0123456789ab"
NARROW = "key-of-the-narrow-client-0123456789"
ALL = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
# Seconds a listener waits for what has to come; what has to come sooner is measured.
PATIENCE = 30.0


def caller(gateway: Gateway, era: str, key: str = WIDE, path: str = "/mcp") -> Caller:
    return Caller(gateway.host, gateway.port, key, era, path=path, patience=PATIENCE)


def stream_headers(client: Caller) -> list[tuple[str, str]]:
    """What a legacy client sends with its GET."""
    rest = [pair for pair in client.headers() if pair[0] not in {"Accept", "Content-Type"}]
    return [*rest, ("Accept", "text/event-stream")]


@dataclass
class Listener:
    """What one client hears. `heard` grows while the block lasts; `ended` once the stream is over, in good order."""

    client: Caller
    answer: Answer
    heard: list[dict[str, Any]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def methods(self) -> list[str]:
        return [message["method"].removeprefix("notifications/") for message in self.heard if "method" in message]

    @property
    def changes(self) -> list[str]:
        return [method for method in self.methods if method.endswith("/list_changed")]

    async def hears(self, method: str, times: int = 1) -> None:
        """Until it has heard of that so many times."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.methods.count(method) < times:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            raise AssertionError(f"{method} was heard {self.methods.count(method)} times: {self.heard}") from None

    async def follow(self, wire: Wire) -> None:
        async for message in wire.messages():
            self.heard.append(message)
            self.news.set()
        self.ended.set()


@asynccontextmanager
async def listening(client: Caller, notifications: dict[str, Any] | None = None) -> AsyncIterator[Listener]:
    """A client that listens to everything, or to `notifications`; it hangs up at the end of the block."""
    if client.era == "legacy" and client.session is None:
        await client.initialize()
    async with await client.wire() as wire:
        wire.patience = 60.0
        if client.era == "legacy":
            answer = await wire.ask("GET", client.path, stream_headers(client))
        else:
            params = {"notifications": ALL if notifications is None else notifications}
            async with client.open("subscriptions/listen", params, ident="listen-1") as opened:
                opened.patience = 60.0
                answer = await opened.head()
                async with _followed(Listener(client, answer), opened) as listener:
                    await listener.hears("subscriptions/acknowledged")
                    yield listener
            return
        async with _followed(Listener(client, answer), wire) as listener:
            yield listener


@asynccontextmanager
async def _followed(listener: Listener, wire: Wire) -> AsyncIterator[Listener]:
    assert listener.answer.status == 200, listener.answer
    assert listener.answer.is_stream
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(listener.follow(wire))
        yield listener
        while not following.done():  # Python 3.11's `wait_for` loses a cancel that comes together with its result
            following.cancel()
            await asyncio.wait([following], timeout=0.1)
