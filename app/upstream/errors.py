"""The one exception of this ring: a `Fault` on its way out of an await."""

from app.protocol.faults import Fault


class UpstreamError(Exception):
    """Raised by `Transport.open`, negotiation and `Upstream.acquire`; carries the public `fault`.

    `detail` is for logs and `doctor` alone: it may quote the server.
    """

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.detail = detail
