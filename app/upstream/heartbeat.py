"""Whether a silent server is still there: asked with what costs nothing, `ping` or, where modern, `server/discover`.

Asks after half a minute without a message, and only while no call is under way: a server that works on one may answer
nothing else, and its call has a clock of its own. Decides nothing: who watches says what a miss means.
"""

from collections.abc import Callable

import anyio

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Request
from app.upstream.connection import Connection
from app.upstream.errors import UpstreamError

SILENCE = 30.0
ANSWER_WITHIN = 10.0
MISSES = 3
# Silence is looked for this often.
_GRAIN = 6
_QUESTION = {Era.LEGACY: "ping", Era.MODERN: "server/discover"}


async def probe(connection: Connection, seconds: float = ANSWER_WITHIN) -> Fault | None:
    """Ask once; why there was no answer, None if there was one. An error is an answer too."""
    heard = connection.heard
    try:
        await connection.call(Request(_QUESTION[connection.era], {}, {}), seconds)
    except UpstreamError as error:
        return None if connection.heard != heard else error.fault
    return None


async def watch(connection: Connection, missed: Callable[[int], None]) -> Fault:
    """Returns when `MISSES` questions in a row stayed without an answer. `missed` hears of each, and 0 of recovery."""
    misses = quiet = 0
    while misses < MISSES:
        heard = connection.heard
        await anyio.sleep(SILENCE / _GRAIN)
        quiet = quiet + 1 if connection.heard == heard and not connection.pending else 0
        if quiet < _GRAIN:
            continue
        while misses < MISSES:
            fault = await probe(connection)
            if fault is None:
                break
            misses += 1
            missed(misses)
            if fault.kind is not Kind.TIMEOUT and misses < MISSES:
                await anyio.sleep(ANSWER_WITHIN)
        else:
            break
        if misses:
            missed(0)
        misses = quiet = 0
    text = f"Server '{connection.server}' did not answer {MISSES} health checks and is started again."
    return Fault(Kind.TIMEOUT, text, server=connection.server)
