"""What goes wrong between us and an HTTP server, as faults: the one place that knows the client's exceptions.

`UNREACHABLE` means that the request was not carried out; `CLOSED` that it may have been. Public texts quote neither the
server nor an address (DESIGN.md rule 10); `describe` is for logs.
"""

import errno
import ssl
import time
from email.utils import parsedate_to_datetime

import aiohttp

from app.protocol.faults import Fault, Kind
from app.upstream.errors import OUT_OF_FILES, TOO_MANY_FILES, HttpRefusal

# What a request or the reading of its answer can raise.
FAILURES = (aiohttp.ClientError, OSError)
# Longer waits are a server's business; ours is to try again now and then.
MAX_RETRY_AFTER = 300.0
# OpenSSL's X509_V_ERR_….
_EXPIRED, _WRONG_HOST = 10, 62


def fault_of(server: str, error: Exception) -> Fault:
    """The fault for a request that failed below HTTP."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return _fault(Kind.UNREACHABLE, server, "cannot be found: its host name does not resolve")
        case aiohttp.ClientConnectorCertificateError():
            return _fault(Kind.UNREACHABLE, server, f"cannot be trusted: {_distrust(error.certificate_error)}")
        case aiohttp.ClientSSLError():
            return _fault(Kind.UNREACHABLE, server, _handshake(error.os_error))
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return _fault(Kind.UNREACHABLE, server, "is not reachable through the proxy of the environment")
        case aiohttp.ClientConnectorError():
            return _fault(Kind.UNREACHABLE, server, _unconnected(error.os_error))
        case TimeoutError():
            return _fault(Kind.UNREACHABLE, server, "does not accept connections in time")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return _fault(Kind.UNREACHABLE, server, "has a `url` that is no http or https address")
        case aiohttp.ClientResponseError():
            return _fault(Kind.PROTOCOL, server, "does not answer in HTTP")
        case aiohttp.ClientPayloadError():
            return _fault(Kind.CLOSED, server, "broke off its answer")
        case _:
            return _fault(Kind.CLOSED, server, "closed the connection without an answer")


def _distrust(error: Exception) -> str:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code == _EXPIRED:
        return "its TLS certificate has expired"
    if code == _WRONG_HOST:
        return "its TLS certificate is for another host name"
    return "no known authority vouches for its TLS certificate"


def _handshake(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason in {
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "HTTP_REQUEST",
    }:
        return "does not speak TLS on this port: is its `url` http, not https?"
    return "refused the TLS handshake"


def _unconnected(error: OSError) -> str:
    if error.errno == errno.ECONNREFUSED:
        return "refuses connections: is it running?"
    if error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return "is not reachable from here"
    if error.errno in OUT_OF_FILES:
        return f"cannot be connected to: {TOO_MANY_FILES}"
    return "cannot be connected to"


def describe(error: Exception) -> str:
    """What happened in the client's words, for the log; never with a URL, which may hold a secret."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    told = "" if isinstance(cause, aiohttp.ClientResponseError | aiohttp.InvalidURL) else f": {cause}"
    return f"{type(error).__name__}{told}"


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
    return HttpRefusal(kind, _sentence(server, text), server=server, retry_after=wait, status=status)


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
    return Fault(kind, _sentence(server, text), server=server, unsent=kind is Kind.UNREACHABLE)


def _sentence(server: str, text: str) -> str:
    return f"Server '{server}' {text}{'' if text.endswith('?') else '.'}"
