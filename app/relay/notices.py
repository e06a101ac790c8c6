"""Notifications that belong to one call, on their way to its client.

Pure. Both eras write them alike; progress alone carries a name of the client's choosing, its token.
"""

import msgspec

from app.protocol.jsonrpc import members_of, notification
from app.relay.events import Noticed

PROGRESS = "notifications/progress"


def to_notice(notice: Noticed, token: bytes) -> bytes:
    """The message for the client; `token` is its progress token as JSON (the server was given one of ours)."""
    members = members_of(notice.params) if notice.method == PROGRESS else None
    if members is None:
        return notification(notice.method, bytes(notice.params))
    members["progressToken"] = msgspec.Raw(token)
    return notification(notice.method, msgspec.json.encode(members))


class _Progress(msgspec.Struct):
    progress: float


def progress_of(notice: Noticed) -> float | None:
    """How far a progress notification says that its call is; None where it does not say."""
    try:
        return msgspec.json.decode(notice.params, type=_Progress).progress
    except (msgspec.DecodeError, RecursionError):
        return None
