"""How long an answer stays good and for whom: the caching hints of servers, read, merged and written.

Pure. 2026-07-28, "Caching". What a server does not say is the careful value: good for no time, for nobody else. Hints
are no access control: rights are asked at every request, whatever a hint says.
"""

from collections.abc import Iterable

import msgspec

from app.protocol.jsonrpc import members_of, text_of
from app.relay.catalog import Hint, Members

UNHINTED = Hint()
PUBLIC = b'"public"'


def read_hint(result: Members) -> Hint:
    """The hints of one result, or of one page of a list."""
    try:
        ttl = msgspec.json.decode(result.get("ttlMs", b"0"), type=int)
    except msgspec.DecodeError:
        ttl = 0
    return Hint(max(ttl, 0), text_of(result.get("cacheScope")) == "public")


def merged(hints: Iterable[Hint]) -> Hint:
    """The hint for an answer made of all of these; of none of them: `UNHINTED`."""
    found = list(hints)
    return Hint(min(hint.ttl for hint in found), all(hint.public for hint in found)) if found else UNHINTED


def aged(hint: Hint, seconds: float) -> Hint:
    """What is left of a hint that was given so long ago."""
    return Hint(max(0, hint.ttl - int(seconds * 1000)), hint.public)


def scope_of(hint: Hint) -> str:
    """The word for whom it is good."""
    return "public" if hint.public else "private"


def confined(raw: bytes) -> bytes:
    """A modern result, good for its own client alone: what it is to others is for their rights to say."""
    if PUBLIC not in raw:
        return raw
    members = members_of(raw)
    if members is None or text_of(members.get("cacheScope")) != "public":
        return raw
    return msgspec.json.encode({**members, "cacheScope": msgspec.Raw(b'"private"')})
