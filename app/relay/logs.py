"""Log messages of servers: their levels, who may see which, and which server says it.

Pure. A modern request names the level that it wants to hear (`_meta`), and hears nothing without; an older session sets
one for all its requests, and may be sent what a server thinks fit before (PROTOCOL.md section 8, "logging"). The
neutral form is the modern one, so that a session's level travels in the request.
"""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.meta import PREFIX
from app.relay.catalog import Members

MESSAGE = "notifications/message"
LOG_LEVEL = PREFIX + "logLevel"
# RFC 5424, lowest first.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_RANKS = {level: rank for rank, level in enumerate(LEVELS)}
# What an older client hears that has set no level.
UNSET = _RANKS["info"]
NOTHING = len(LEVELS)


def rank_of(raw: msgspec.Raw | None) -> int | None:
    """How severe a level is; None for what is no level."""
    return _RANKS.get(text_of(raw) or "")


def unknown_level(where: str) -> Fault:
    return Fault(Kind.INVALID_PARAMS, f"{where} must be one of {', '.join(LEVELS)}.")


def wanted(meta: Members) -> int | Fault:
    """The least severe level that a modern request wants to hear, by its `_meta`."""
    raw = meta.get(LOG_LEVEL)
    if raw is None:
        return NOTHING
    rank = rank_of(raw)
    return unknown_level(f"`_meta.{LOG_LEVEL}`") if rank is None else rank


def stamped(meta: Members, level: int | None) -> Members:
    """The `_meta` of a request from a session that has set `level`."""
    return meta if level is None else {**meta, LOG_LEVEL: msgspec.Raw(b'"%b"' % LEVELS[level].encode())}


def passes(params: msgspec.Raw, level: int) -> bool:
    """Whether a message is severe enough. One whose level is none we know is taken for information."""
    if level >= NOTHING:
        return False
    rank = rank_of((members_of(params) or {}).get("level"))
    return (UNSET if rank is None else rank) >= level


def named(params: msgspec.Raw, server: str) -> msgspec.Raw:
    """The message with the server that says it before the name of its logger."""
    members = members_of(params)
    if members is None:
        return params
    logger = text_of(members.get("logger"))
    said = f"{server}/{logger}" if logger else server
    return msgspec.Raw(msgspec.json.encode({**members, "logger": msgspec.Raw(msgspec.json.encode(said))}))
