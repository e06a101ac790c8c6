"""HTTP+SSE (2024-11-05) as a `Transport`: the tasks and the lifetime of one `SseStream`.

Our own and not the SDK's client, which loses the statuses that our faults are made of and decodes every message twice.
"""

import os
from typing import TYPE_CHECKING

import anyio

from app.config.snapshot import ServerSpec
from app.protocol.faults import Kind
from app.upstream.errors import UpstreamError
from app.upstream.http_client import HttpClient
from app.upstream.http_posts import Posts, StartSoon
from app.upstream.transport import Outgoing, Receiver

if TYPE_CHECKING:
    from app.upstream.sse_stream import SseStream


class SseTransport:
    """`start_soon` starts the owner task in a group of the caller's; `client` None means one of its own."""

    def __init__(self, spec: ServerSpec, start_soon: StartSoon, client: HttpClient | None = None) -> None:
        self._spec = spec
        self._start_soon = start_soon
        self._client = client or HttpClient(os.environ)
        self._lent = client is not None
        self._posts = Posts(self._exchange)
        self._stream: SseStream | None = None
        self._closing = False

    def __repr__(self) -> str:
        return f"<SseTransport {self._spec.name} {self._posts}>"

    @property
    def cancels_by_closing(self) -> bool:
        return False

    async def open(self, receiver: Receiver) -> None:
        """Returns once the server has said where to post. Raises `UpstreamError`; how long it may take is not ours."""
        await self._client.load()
        from app.upstream.http_session import reach
        from app.upstream.sse_stream import SseStream

        stream = self._stream = SseStream(self._spec, await reach(self._spec, self._client), receiver)
        await self._posts.open(self._start_soon)
        self._posts.spawn(self._read(stream))
        fault = await stream.opened
        if fault:
            raise UpstreamError(fault)

    def send(self, message: Outgoing) -> None:
        if not self._posts.send(message) and self._stream:
            self._stream.receiver.failed(message.id, self._stream.fault(Kind.CLOSED, "has no session any more"))

    def abandon(self, request_id: int) -> None:
        self._posts.abandon(request_id)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            await self._posts.close()
            if not self._lent:
                await self._client.close()

    async def _read(self, stream: "SseStream") -> None:
        await stream.read()
        self._posts.stop()

    async def _exchange(self, message: Outgoing) -> None:
        if self._stream:
            await self._stream.post(message)
            if self._stream.over:
                self._posts.stop()
