"""Event streams of an HTTP server: reading one to its end, and keeping one open for what the server says unasked.

Knows no JSON-RPC; what an event means is for `take`. Legacy revisions only hold a stream open by GET and resume it with
`Last-Event-ID` (2025-11-25, "Resumability and Redelivery").
"""

import asyncio
import logging
import random
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from aiohttp import ClientResponse

from app.protocol.sse import Decoder, Event
from app.upstream.http_answer import ending
from app.upstream.http_faults import FAILURES, describe, seconds_of

if TYPE_CHECKING:
    from app.upstream.http_client import Exchange

log = logging.getLogger("app.upstream")

# A server ends the stream of a request right after the answer; one that forgets to must not hold a connection.
LINGER = 1.0
FIRST_DELAY = 1.0
LAST_DELAY = 60.0
# A stream that lived so long was no failed attempt.
HEALTHY_AFTER = 10.0
# Statuses of a stream that is not offered now and may be later; any other refusal is for good.
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})

# Whether this event was the one that the stream is for.
Take = Callable[[Event], bool]


class End(Enum):
    """Why reading stopped."""

    ANSWERED = "answered"
    EXHAUSTED = "exhausted"
    BROKEN = "broken"
    OVERFLOWED = "overflowed"


def is_stream(response: ClientResponse) -> bool:
    return response.headers.get("content-type", "").lower().startswith("text/event-stream")


async def pump(response: ClientResponse, decoder: Decoder, take: Take) -> End:
    """Read until the stream ends, or shortly past the event that `take` waits for. Raises what `FAILURES` lists."""
    with ending(response):
        while chunk := await response.content.readany():
            taken = [take(event) for event in decoder.feed(chunk)]
            if any(taken):
                await _drain(response, decoder, take)
                return End.ANSWERED
            if decoder.overflowed:
                return End.OVERFLOWED
    return End.EXHAUSTED


async def _drain(response: ClientResponse, decoder: Decoder, take: Take) -> None:
    """Let the stream end by itself, so that its connection can be used again."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(LINGER):
            while chunk := await response.content.readany():
                for event in decoder.feed(chunk):
                    take(event)
    except FAILURES:
        pass  # the answer is here; the connection is dropped instead


def pause(retry: int | None, delay: float) -> float:
    """Seconds until the next attempt: what the server asked for (milliseconds), else `delay`; bounded."""
    return min(max(retry / 1000, 0.05), LAST_DELAY) if retry is not None else delay


async def listen(
    get: Callable[[bytes], "Exchange"],
    take: Take,
    server: str,
    reopened: Callable[[], None] = lambda: None,
    jitter: Callable[[], float] = random.random,
) -> int:
    """Keep the server's own stream open, again and again, until it refuses: the status it refused with.

    `reopened` is called when it is open once more.
    `get` makes the request that resumes after an event id (empty: none). An absent stream costs this one request.
    """
    delay, last_id, was_open = FIRST_DELAY, b"", False
    clock = asyncio.get_running_loop().time
    while True:
        began, wait, decoder = clock(), None, Decoder(last_id=last_id)
        try:
            async with get(last_id) as response:
                if response.status == 200 and is_stream(response):
                    if was_open:
                        reopened()
                    was_open = True
                    if await pump(response, decoder, take) is End.OVERFLOWED:
                        log.warning("server=%s sent an event that is too large on its stream", server)
                elif response.status in _TRY_AGAIN:
                    wait = seconds_of(response.headers.get("retry-after", ""), 0.0)
                else:
                    return response.status
        except FAILURES as error:
            log.debug("server=%s stream lost: %s", server, describe(error))
        last_id = decoder.last_id
        delay = FIRST_DELAY if clock() - began >= HEALTHY_AFTER else min(delay * 2, LAST_DELAY)
        await asyncio.sleep(max(wait or 0.0, pause(decoder.retry, delay) * (0.75 + jitter() / 2)))
