"""An answer's event stream that is kept while it is written, and the reading on of one that a client lost.

Stands where ASGI's `send` stands, so that who writes an answer knows nothing of it. Comments are not kept: they carry
nothing. Theory of operation: the connection that a stream began on is its reader until another one takes it; then it is
ended, and the stream is written on for the other (2025-11-25, "Resumability and Redelivery").
"""

import asyncio

from litestar.types import Message, Send

from app.downstream.response import RelayResponse
from app.gateway.clock import HEARTBEAT
from app.gateway.journal import OWN, Journal, Journals


class Recorder:
    """Writes one stream to its journal and to the connection it began on. `send` is the connection's.

    `place`: where its client goes on, if it had begun before; the caller says again what came since.
    """

    def __init__(self, journals: Journals, journal: Journal, send: Send, place: int | None = None) -> None:
        self._place = place
        self._journals = journals
        self._journal = journal
        self._reader = journal.take()
        self._send = send
        self._closed = False

    def __repr__(self) -> str:
        return f"<Recorder {self._journal!r}>"

    async def __call__(self, message: Message) -> None:
        """Send one ASGI message; the first one brings the event that primes the stream with it."""
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send(
                {"type": "http.response.body", "body": self._journal.prime(self._place), "more_body": True}
            )
            return
        kept = self.keep(message)
        if self._closed:
            return
        if self._journal.reader != self._reader:
            self._closed = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._send(kept)

    async def pause(self, retry: int) -> None:
        """End the connection and not the stream; its client comes back in `retry` milliseconds (2025-11-25)."""
        if not self._closed:
            self._closed = True
            await self._send({"type": "http.response.body", "body": b"retry: %d\n\n" % retry, "more_body": False})

    def keep(self, message: Message) -> Message:
        """Write a message to the journal alone; returns it as its reader gets it."""
        if message["type"] != "http.response.body":
            return message
        body = message["body"]
        # Comments carry nothing, and what has an id already is said again.
        if body and not body.startswith((b":", b"id: ")):
            body = self._journal.add(body)
        if not message.get("more_body", False) and self._journal.number != OWN:
            self._journals.ended(self._journal)
        return {"type": "http.response.body", "body": body, "more_body": message.get("more_body", False)}


async def read_on(journal: Journal, place: int, response: RelayResponse) -> None:
    """Send what came after `place` and what still comes, until the stream is complete or its client gone."""
    reader = journal.take()
    await response.keep_alive()
    while not response.gone and journal.reader == reader:
        for at, event in journal.since(place):
            place = at
            await response.write(event)
        if journal.ended_at is not None:
            break
        try:
            async with asyncio.timeout(HEARTBEAT):
                await journal.more(place, reader)
        except TimeoutError:
            await response.keep_alive()
    await response.finish()
