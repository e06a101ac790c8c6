"""The one exception of this ring: a `Fault` on its way out of an await; and faults that tell supervision more."""

import errno

from app.protocol.faults import Fault

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})
"""What the kernel says where no more files may be open: here, not at the server."""
TOO_MANY_FILES = "too many files are open here (ulimit -n)"


class HttpRefusal(Fault, frozen=True):
    """A fault that came as an HTTP status: negotiation and supervision decide by `status` (401 parks, 404 falls back).

    A transport reports it through `Receiver.failed` or `closed` like any fault; `status` is never put on the wire.
    """

    status: int = 0


class SessionLost(Fault, frozen=True):
    """The server is there and knows our session no more: another one is opened at once."""


class ProcessEnded(Fault, frozen=True):
    """A child's end. `code` is its exit code, the negative number of a signal, None where nobody knows."""

    code: int | None = None


class UpstreamError(Exception):
    """Raised by `Transport.open`, negotiation and `Upstream.acquire`; carries the public `fault`.

    `detail` is for logs and `doctor` alone: it may quote the server.
    """

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.detail = detail


class EraRefused(UpstreamError):
    """The server answered, and does not speak the era it was asked in: try the other one."""


class UnstartableError(UpstreamError):
    """The config entry cannot become a process or a request: only a change of it, or of this machine, helps."""
