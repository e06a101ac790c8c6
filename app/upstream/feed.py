"""The feed of changes of a modern server: one `subscriptions/listen` per session, held open as long as it lasts.

Knows no wire: what comes on the feed arrives at the connection as any notification does, and the acknowledgement
counts as a change, since one may have been missed before it. Legacy servers tell unasked (`http_stream.py` holds their
GET stream open). 2026-07-28, "Subscriptions"; PROTOCOL.md section 3.4.
"""

import logging
import random
import time
from collections.abc import Callable

import anyio
import msgspec

from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay.catalog import Members
from app.relay.events import PeerError, Request
from app.relay.listen import ASKED_BY
from app.upstream.connection import Connection
from app.upstream.errors import HttpRefusal, UpstreamError

log = logging.getLogger("app.upstream")

FIRST_DELAY = 1.0
LAST_DELAY = 60.0
# A feed that lived so long was no failed attempt.
HEALTHY_AFTER = 10.0
# Statuses that speak of the moment; any other refusal is for good, and legal.
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


async def follow(connection: Connection, capabilities: Members, jitter: Callable[[], float] = random.random) -> None:
    """Hold the feed open until the session ends, the server refuses it, or for good; returns at once without one."""
    kinds = [kind for kind in ASKED_BY if _tells(capabilities.get(kind, msgspec.Raw()))]
    if connection.era is not Era.MODERN or not kinds:
        return
    wanted = msgspec.json.encode({ASKED_BY[kind]: True for kind in kinds})
    request = Request("subscriptions/listen", {"notifications": msgspec.Raw(wanted)}, {})
    delay = FIRST_DELAY
    while not connection.fault:
        began = time.monotonic()
        try:
            refused = isinstance(await connection.subscribe(request), PeerError)
        except UpstreamError as error:
            refused = isinstance(error.fault, HttpRefusal) and error.fault.status not in _TRY_AGAIN
        if refused:
            log.info("server=%s announces changes and refuses to tell of them", connection.server)
            return
        delay = FIRST_DELAY if time.monotonic() - began >= HEALTHY_AFTER else min(delay * 2, LAST_DELAY)
        await anyio.sleep(delay * (0.75 + jitter() / 2))


def _tells(capability: msgspec.Raw) -> bool:
    return bytes((members_of(capability) or {}).get("listChanged", b"")) == b"true"
