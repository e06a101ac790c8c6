"""What can happen to an exchange, as values. Past participles; `effects.py` holds the imperatives.

Pure. The vocabulary is modern (2026-07-28): a legacy half translates into it and out of it.
"""

from collections.abc import Callable

import msgspec

from app.protocol.faults import Fault
from app.protocol.mirrored import Mirrored
from app.protocol.versions import Era


class Request(msgspec.Struct, frozen=True):
    """A request to relay, names already resolved to the server's own.

    `params` holds every member but `_meta`, undecoded; `meta` the members of `_meta`, undecoded, without the progress
    token; `token` the client's progress token as JSON, empty when it wants no progress; `capabilities` what a modern
    server is told that the client can do, nothing unless its questions reach this very client; `mirrored` the arguments
    that a modern HTTP wire carries in headers too; `task_ttl` is set where a legacy server runs the tool as a task
    alone and the client knows none: the milliseconds that its outcome is to be kept.
    """

    method: str
    params: dict[str, msgspec.Raw]
    meta: dict[str, msgspec.Raw]
    token: bytes = b""
    capabilities: msgspec.Raw = msgspec.Raw(b"{}")
    mirrored: tuple[Mirrored, ...] = ()
    task_ttl: int = 0


class Result(msgspec.Struct, frozen=True):
    """A result object as the upstream wrote it, and the era whose dialect that is."""

    raw: msgspec.Raw
    era: Era


class PeerError(msgspec.Struct, frozen=True):
    """An upstream's own JSON-RPC error object: data, which passes (DESIGN.md rule 10)."""

    raw: msgspec.Raw


class Called(msgspec.Struct, frozen=True):
    """The client asked."""

    request: Request


class Leased(msgspec.Struct, frozen=True):
    """An upstream connection may be used."""


class Noticed(msgspec.Struct, frozen=True):
    """The upstream sent a notification that belongs to this request; `params` is JSON, empty when absent."""

    method: str
    params: msgspec.Raw


class Heard(msgspec.Struct, frozen=True):
    """The upstream is at work on it; there is nothing to tell."""


class Paused(msgspec.Struct, frozen=True):
    """The upstream let go of the call's stream, to be asked again in `retry` milliseconds: the call runs on."""

    retry: int


class Finished(msgspec.Struct, frozen=True):
    """The upstream answered."""

    outcome: Result | PeerError


class Question(msgspec.Struct, frozen=True):
    """What a server wants to know: by key, `{"method", "params"}` undecoded.

    `result` is the answer that it came in place of (modern); None where the call goes on and the server waits (legacy),
    for each key on its own.
    """

    requests: dict[str, msgspec.Raw]
    result: Result | None = None


# A client's answer to one question: its result, or its error.
Given = msgspec.Raw | PeerError


class NeedsInput(msgspec.Struct, frozen=True):
    """The upstream wants to know something first."""

    question: Question


class Withdrawn(msgspec.Struct, frozen=True):
    """The upstream wants to know it no more."""

    key: str


class Answered(msgspec.Struct, frozen=True):
    """The client answered what it was asked, or a part of it, by key."""

    answers: dict[str, Given]


class Failed(msgspec.Struct, frozen=True):
    """The upstream cannot answer, and why."""

    fault: Fault


class Lost(msgspec.Struct, frozen=True):
    """The upstream is lost to this request, which may be sent once more (driver: never sent, or harmless to repeat)."""


class Disconnected(msgspec.Struct, frozen=True):
    """The client closed its connection, which in its revision cancels the request (modern)."""

    reason: str = "The client closed the connection."


class Detached(msgspec.Struct, frozen=True):
    """The client closed its connection, which in its revision means nothing (legacy): the call runs on."""


class Cancelled(msgspec.Struct, frozen=True):
    """The client sent `notifications/cancelled` for this request (legacy)."""

    reason: str = "The client cancelled the request."


class Expired(msgspec.Struct, frozen=True):
    """Time ran out; `fault` says which limit."""

    fault: Fault


UpstreamEvent = Noticed | Heard | Paused | Finished | NeedsInput | Withdrawn | Failed
Event = (
    Called
    | Leased
    | Noticed
    | Heard
    | Paused
    | Finished
    | NeedsInput
    | Withdrawn
    | Answered
    | Failed
    | Lost
    | Disconnected
    | Detached
    | Cancelled
    | Expired
)
# Where an upstream delivers what concerns one request; synchronous, never blocks, called in wire order.
Sink = Callable[[UpstreamEvent], None]
