"""What goes wrong between us and an HTTP server, as faults: the one place that knows the client's exceptions.

`UNREACHABLE` means that the request was not carried out; `CLOSED` that it may have been. Public texts quote neither the
server nor an address (DESIGN.md rule 10); `describe` is for logs.
"""

import time
from email.utils import parsedate_to_datetime

from pyreqwest.exceptions import (
    ConnectTimeoutError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)

from app.protocol.faults import Fault, Kind
from app.upstream.errors import HttpRefusal

# The client's words for a cause, lower case, and ours. The first that matches counts.
_CAUSES: tuple[tuple[str, Kind, str], ...] = (
    ("dns error", Kind.UNREACHABLE, "cannot be found: its host name does not resolve"),
    ("certificate expired", Kind.UNREACHABLE, "cannot be trusted: its TLS certificate has expired"),
    ("not valid for name", Kind.UNREACHABLE, "cannot be trusted: its TLS certificate is for another host name"),
    (
        "invalid peer certificate",
        Kind.UNREACHABLE,
        "cannot be trusted: no known authority vouches for its TLS certificate",
    ),
    ("corrupt message", Kind.UNREACHABLE, "does not speak TLS on this port: is its `url` http, not https?"),
    ("tls handshake", Kind.UNREACHABLE, "refused the TLS handshake"),
    ("received fatal alert", Kind.UNREACHABLE, "refused the TLS handshake"),
    ("tunnel", Kind.UNREACHABLE, "is not reachable through the proxy of the environment"),
    ("connection refused", Kind.UNREACHABLE, "refuses connections: is it running?"),
    ("unreachable", Kind.UNREACHABLE, "is not reachable from here"),
    ("client error (connect)", Kind.UNREACHABLE, "cannot be connected to"),
    ("scheme is not allowed", Kind.UNREACHABLE, "has a `url` that is neither http nor https"),
    ("connection closed before message completed", Kind.CLOSED, "closed the connection without an answer"),
    ("invalid http", Kind.PROTOCOL, "does not answer in HTTP"),
    ("parsed", Kind.PROTOCOL, "does not answer in HTTP"),
)
# Longer waits are a server's business; ours is to try again now and then.
MAX_RETRY_AFTER = 300.0


def fault_of(server: str, error: PyreqwestError) -> Fault:
    """The fault for a request that failed below HTTP."""
    if isinstance(error, ConnectTimeoutError):
        return _fault(Kind.UNREACHABLE, server, "does not accept connections in time")
    if isinstance(error, RequestTimeoutError):
        return _fault(Kind.TIMEOUT, server, "did not answer in time")
    told = describe(error).lower()
    for words, kind, text in _CAUSES:
        if words in told:
            return _fault(kind, server, text)
    return _fault(Kind.CLOSED, server, "broke off its answer")


def describe(error: PyreqwestError) -> str:
    """The causes in the client's words, for the log. Its first sentence quotes the URL, which may hold a secret."""
    if not isinstance(error, DetailedPyreqwestError):
        return error.message
    causes = [cause["message"] for cause in error.details["causes"] or []]
    return ": ".join(cause for cause in causes if " for url (" not in cause) or error.message


def refusal(server: str, status: int, retry_after: str | None = None) -> HttpRefusal:
    """The fault for an HTTP status that is no success and carries no JSON-RPC error."""
    kind = Kind.UNREACHABLE
    match status:
        case 401 | 403:
            text = f"refused the gateway's credentials (HTTP {status}): check its `headers` in the config"
        case 407:
            text = "is behind a proxy that wants credentials (HTTP 407)"
        case 429:
            kind, text = Kind.BUSY, "asks for fewer requests (HTTP 429)"
        case _ if 300 <= status < 400:
            text = f"redirects elsewhere (HTTP {status}), which is not followed: put the final address into its `url`"
        case _ if status >= 500:
            text = f"is failing (HTTP {status})"
        case _:
            kind, text = Kind.PROTOCOL, f"answered HTTP {status}: is its `url` an MCP endpoint?"
    wait = seconds_of(retry_after, time.time()) if retry_after else None
    return HttpRefusal(kind, f"Server '{server}' {text}.", server=server, retry_after=wait, status=status)


def seconds_of(retry_after: str, now: float) -> float | None:
    """A `Retry-After` value in seconds, bounded; None where it says nothing. `now` is the wall clock."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        wait = float(text[:9])
    else:
        try:
            wait = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER)


def _fault(kind: Kind, server: str, text: str) -> Fault:
    return Fault(kind, f"Server '{server}' {text}.", server=server)
