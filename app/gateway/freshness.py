"""The caching hints of what the gateway answers itself, from those of the servers that it is made of.

No I/O: clocks are read, nothing is waited for. A merged list is good for as long as the part that ages first, and
`public` only where all parts are and every key sees the same. Nothing older than its server's hint is given any time: a
server that is not well is being listed from what it once said (2026-07-28, "Caching"; PROTOCOL.md section 3.6).
"""

import time
from math import inf

from app.gateway.generation import LOOK, Generation
from app.relay.catalog import Hint
from app.relay.hints import UNHINTED, aged, merged
from app.relay.view import View
from app.upstream.upstream import State

DISCOVER = "server/discover"
# A server that starts has been listed already, or not for a long time, which its age says.
WELL = frozenset({State.STARTING, State.READY})


def hint_for(generation: Generation, view: View, method: str, capability: str = "") -> Hint:
    """The hint for `method` (a list's, or discover) through `view`; `capability` is what a server needs to be in it."""
    now = time.monotonic()
    at, hint = generation.hints.get((view, method), (-inf, UNHINTED))
    if now - at >= LOOK:
        at, hint = generation.hints[view, method] = now, _merged(generation, view, method, capability, now)
    return aged(hint, now - at)


def _merged(generation: Generation, view: View, method: str, capability: str, now: float) -> Hint:
    parts: list[Hint] = []
    for source in view.sources:
        upstream = generation.upstreams.get(source.server)
        if upstream is None or source.catalog is None or upstream.state not in WELL:
            return UNHINTED
        if capability and capability not in source.catalog.capabilities:
            continue
        said_at = upstream.met_at if method == DISCOVER else upstream.published_at
        parts.append(aged(source.catalog.hints.get(method, UNHINTED), now - said_at))
    found = merged(parts)
    return found if generation.unrestricted else Hint(found.ttl, public=False)
