"""What an exchange wants done, as values. Imperatives; the driver is the only place that performs them.

Pure. `events.py` holds the past participles.
"""

import msgspec

from app.protocol.faults import Fault
from app.relay.events import Noticed, PeerError, Request, Result


class Acquire(msgspec.Struct, frozen=True):
    """Get permission to use an upstream connection; answer with `Leased` or `Failed`."""


class SetTimer(msgspec.Struct, frozen=True):
    """(Re)start the clock of silence; when it runs out, answer with `Expired`."""


class SendUpstream(msgspec.Struct, frozen=True):
    """Send the request over the leased connection."""

    request: Request


class Stream(msgspec.Struct, frozen=True):
    """Pass a notification to the client, on this call's own response."""

    notice: Noticed


class Reply(msgspec.Struct, frozen=True):
    """Answer the client. Nothing follows it on the wire."""

    outcome: Result | PeerError | Fault


class CancelUpstream(msgspec.Struct, frozen=True):
    """The answer is wanted no more."""

    reason: str


class Release(msgspec.Struct, frozen=True):
    """Give the lease back."""


Effect = Acquire | SetTimer | SendUpstream | Stream | Reply | CancelUpstream | Release
