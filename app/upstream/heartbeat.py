"""Whether a silent server is still there: asked with what costs nothing, `ping` or, where modern, `server/discover`.

Asks after half a minute without a message, also while a call is under way. Decides nothing: who watches says what a
miss means. Theory of operation: a server that works on one thing at a time answers nothing else meanwhile, so while a
call from before the questions lasts, which its own clock ends, questions without an answer prove nothing; a server that
cannot be reached is gone, whatever it worked on.
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


async def watch(connection: Connection, missed: Callable[[int], None]) -> Fault | None:
    """Returns why the session is to be ended: `MISSES` questions in a row had no answer; None once it is over.

    `missed` hears of each of them, and 0 of recovery.
    """
    while await _silent(connection):
        began, misses = connection.asked, 0
        while fault := await probe(connection):
            misses += 1
            missed(misses)
            if misses >= MISSES:
                if fault.kind is not Kind.TIMEOUT or not connection.works_since(began):
                    return _given_up(connection.server)
                if not await _while_it_works(connection, began):
                    break
            elif fault.kind is not Kind.TIMEOUT:
                await anyio.sleep(ANSWER_WITHIN)
        if misses:
            missed(0)
    return None


async def _silent(connection: Connection) -> bool:
    """True once nothing was heard for `SILENCE` seconds; False once the session is over."""
    quiet = 0
    while quiet < _GRAIN and not connection.fault:
        heard = connection.heard
        await anyio.sleep(SILENCE / _GRAIN)
        quiet = quiet + 1 if connection.heard == heard else 0
    return not connection.fault


async def _while_it_works(connection: Connection, began: int) -> bool:
    """Wait for the end of the calls from before `began`. False: something was heard."""
    heard = connection.heard
    while connection.heard == heard and connection.works_since(began):  # noqa: ASYNC110 (either may end it)
        await anyio.sleep(SILENCE / _GRAIN)
    return connection.heard == heard


def _given_up(server: str) -> Fault:
    text = f"Server '{server}' did not answer {MISSES} health checks and is started again."
    return Fault(Kind.CLOSED, text, server=server)
