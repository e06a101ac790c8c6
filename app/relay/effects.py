"""What an exchange wants done, as values. Imperatives; the driver is the only place that performs them.

Pure. `events.py` holds the past participles.
"""

import msgspec

from app.protocol.faults import Fault
from app.relay.events import Given, Noticed, PeerError, Request, Result


class Acquire(msgspec.Struct, frozen=True):
    """Get permission to use an upstream connection; answer with `Leased` or `Failed`."""


class SetTimer(msgspec.Struct, frozen=True):
    """(Re)start the clock of silence; when it runs out, answer with `Expired`. `asking`: it is the client's."""

    asking: bool = False


class SendUpstream(msgspec.Struct, frozen=True):
    """Send the request over the leased connection."""

    request: Request


class Stream(msgspec.Struct, frozen=True):
    """Pass a notification to the client, on this call's own response."""

    notice: Noticed


class Pause(msgspec.Struct, frozen=True):
    """Let go of the client's stream, where it can come back to it, and says when: in `retry` milliseconds."""

    retry: int


class Ask(msgspec.Struct, frozen=True):
    """Ask the client, on this call's own response; `Answered` under `key` follows. `request` is method and params."""

    key: str
    request: msgspec.Raw


class Unask(msgspec.Struct, frozen=True):
    """What was asked under `key` needs no answer any more: tell the client."""

    key: str


class AnswerUpstream(msgspec.Struct, frozen=True):
    """Give the server, which waits in the middle of the call, what it wanted to know."""

    key: str
    given: Given


class Park(msgspec.Struct, frozen=True):
    """Keep the call without its client, until it comes back with an answer or the time is over."""


class Keep(msgspec.Struct, frozen=True):
    """The call ended while its client was away: keep what it ended with until then."""

    outcome: Result | PeerError | Fault


class Reply(msgspec.Struct, frozen=True):
    """Answer the client. Nothing follows it on the wire."""

    outcome: Result | PeerError | Fault


class CancelUpstream(msgspec.Struct, frozen=True):
    """The answer is wanted no more."""

    reason: str


class Release(msgspec.Struct, frozen=True):
    """Give the lease back."""


Effect = (
    Acquire
    | SetTimer
    | SendUpstream
    | Stream
    | Pause
    | Ask
    | Unask
    | AnswerUpstream
    | Park
    | Keep
    | Reply
    | CancelUpstream
    | Release
)
