"""Streamable HTTP as a `Transport`: the lifetime of one `HttpSession` of either era.

A legacy session with an id keeps the server's own stream open beside its POSTs, and is deleted in the end; a modern one
is nothing but its POSTs, and closing one of them is what cancels a request.
"""

import os
from typing import TYPE_CHECKING

import anyio

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.upstream.http_client import HttpClient
from app.upstream.http_posts import INITIALIZED, Posts, StartSoon
from app.upstream.transport import Outgoing, Receiver

if TYPE_CHECKING:
    from app.upstream.http_session import HttpSession

DELETE_LIMIT = 2.0
LOSS_GRACE = 1.0


class StreamableHttpTransport:
    """`start_soon` starts the owner task in a group of the caller's; `client` None means one of its own."""

    def __init__(self, spec: ServerSpec, era: Era, start_soon: StartSoon, client: HttpClient | None = None) -> None:
        self._spec = spec
        self._legacy = era is Era.LEGACY
        self._start_soon = start_soon
        self._client = client or HttpClient(os.environ)
        self._lent = client is not None
        self._session: HttpSession | None = None
        self._receiver: Receiver | None = None
        self._posts = Posts(self._exchange)
        self._closing = False

    def __repr__(self) -> str:
        return f"<StreamableHttpTransport {self._session or self._spec.name} {self._posts}>"

    @property
    def cancels_by_closing(self) -> bool:
        return not self._legacy

    async def open(self, receiver: Receiver) -> None:
        """Connects to nothing yet. Raises `UpstreamError` for a URL or a header that no request can carry."""
        await self._client.load()
        from app.upstream.http_session import HttpSession, reach

        endpoint = await reach(self._spec, self._client)
        self._session = HttpSession(self._spec, endpoint, receiver, legacy=self._legacy)
        self._receiver = receiver
        await self._posts.open(self._start_soon)

    def send(self, message: Outgoing) -> None:
        over = self._session is not None and self._session.over
        if (over or not self._posts.send(message)) and self._receiver:
            text = f"Server '{self._spec.name}' has no session any more."
            self._receiver.failed(message.id, Fault(Kind.CLOSED, text, server=self._spec.name, unsent=True))

    def abandon(self, request_id: int) -> None:
        self._posts.abandon(request_id)

    async def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            if self._session and self._session.over:
                # Each request that met the end of the session learns by its own answer that it was not carried out.
                await self._posts.settled(LOSS_GRACE)
            await self._posts.close()
            if self._session and self._session.id:
                with anyio.move_on_after(DELETE_LIMIT):
                    await self._session.delete()
            if not self._lent:
                await self._client.close()

    async def _exchange(self, message: Outgoing) -> None:
        session = self._session
        if session is None:
            return
        await session.exchange(message)
        if message.method == INITIALIZED and session.id:
            self._posts.spawn(session.overhear())
