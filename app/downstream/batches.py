"""Several messages in one POST (2025-03-26): each is served as if it had come alone, and answered with the others.

Knows no message. Theory of operation: each member has an ASGI connection of its own, played here. Answers in JSON are
gathered into an array; the first member whose answer becomes a stream makes the batch's answer one, on which each
answer is an event, and the first whose client was kept waiting begins the array's, with white space.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from litestar.types import Message, Receive, ReceiveMessage, Send

from app.downstream.response import SLOW_JSON_HEADERS, STREAM_HEADERS, send_empty, send_json
from app.protocol.sse import encode_event

T = TypeVar("T")
Serve = Callable[[T, Receive, Send], Coroutine[Any, Any, None]]


class Batch:
    """One POST's answer. `receive` and `send` are its connection's."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._streaming = False
        self._waited = False
        self._gathered: list[bytes] = []
        self._gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Batch {len(self._gathered)} answers{' streaming' if self._streaming else ''}>"

    async def serve(self, members: Sequence[T], serve: Serve[T]) -> None:
        """Serve all members at once, and answer when the last one has been."""
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch())
            await asyncio.wait(
                [tasks.create_task(serve(member, self._closed, _Member(self).send)) for member in members]
            )
            watch.cancel()
        if self._streaming:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self._waited:
            await self._send({"type": "http.response.body", "body": self._array(), "more_body": False})
        elif self._gathered:
            await send_json(self._send, 200, self._array())
        else:
            await send_empty(self._send, 202)

    async def stream(self, events: bytes) -> None:
        """Pass events on, on the one stream there is then."""
        if not self._streaming:
            self._streaming = True
            await self._send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            events = b"".join(map(encode_event, self._gathered)) + events
        if events:
            await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def wait(self, space: bytes) -> None:
        """A member's sign of life, where its answer will be JSON: it is one of the whole answer."""
        if not self._waited:
            self._waited = True
            await self._send({"type": "http.response.start", "status": 200, "headers": SLOW_JSON_HEADERS})
        await self._send({"type": "http.response.body", "body": space, "more_body": True})

    async def answer(self, body: bytes) -> None:
        """One member's whole answer, as JSON."""
        if self._streaming:
            await self.stream(encode_event(body))
        else:
            self._gathered.append(body)

    def _array(self) -> bytes:
        return b"[%b]" % b",".join(self._gathered)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    async def _closed(self) -> ReceiveMessage:
        await self._gone.wait()
        return {"type": "http.disconnect"}


class _Member:
    """The connection of one member."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._streams = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._streams = (b"content-type", b"text/event-stream") in message["headers"]
        elif message["type"] == "http.response.body":
            if self._streams:
                await self._batch.stream(message["body"])
            elif message.get("more_body", False):
                await self._batch.wait(message["body"])
            elif message["body"]:
                await self._batch.answer(message["body"])
