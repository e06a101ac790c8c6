"""Who is calling: an API key, a command of our own on the control socket, or nobody where keys are switched off.

Keys come as `Authorization: Bearer KEY` and nothing else; a query never counts. One answer for every failure
(INTERFACE, "Endpoints"; RELIABILITY.md B46, B47).
"""

import ipaddress
import re
import time
from collections.abc import Callable

from litestar.types import Scope

from app.config.keyring import ANONYMOUS, Keyring, Principal
from app.config.settings import Settings
from app.downstream.callers import PEER, Way, address_rule
from app.downstream.penalties import Penalties
from app.protocol.faults import Fault, Kind
from app.relay.policy import Grant

# `Bearer Bearer KEY` comes from clients that add the scheme to a value that has it. Spaces alone, as nginx has it
# (snippets/limits.conf): what counts as no key there must be none here, or it would go past the limits of its key.
_BEARER = re.compile(rb" *(?:bearer +)+([\x21-\x7e]+) *", re.IGNORECASE)
_FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"cf-ray", b"cf-connecting-ip"})
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
ACT_AS = b"x-mcp-client"

OPERATOR = Principal("@local", Grant(["*", "@admin"]))
MISSING = "Missing or unknown API key. Send: Authorization: Bearer <key>"
THROTTLED = "Too many unknown API keys from this address: try again after the time in Retry-After."
LOOPBACK_ONLY = "MCP_DISABLE_AUTH=true serves requests from this machine only. Send a key: Authorization: Bearer <key>"


class Authenticator:
    """`came_by` tells from an ASGI scope's `server` which of our sockets a request came through."""

    def __init__(self, settings: Settings, keyring: Callable[[], Keyring], came_by: Callable[[object], Way]) -> None:
        self._disabled = settings.disable_auth
        self._keyring = keyring
        self._came_by = came_by
        self._address = address_rule(settings.trusted_proxies)
        self._penalties = Penalties()

    @property
    def refusal(self) -> str:
        """What a 401 says."""
        return LOOPBACK_ONLY if self._disabled == "loopback" else MISSING

    def refuse(self, scope: Scope) -> Fault:
        """Why a request that nobody was identified by goes no further; one that shows an unknown key is counted."""
        if any(name == b"authorization" for name, _ in scope["headers"]):
            wait = self._penalties.fail(self._address(scope, self._came_by(scope["server"])))
            if wait is not None:
                return Fault(Kind.THROTTLED, THROTTLED, retry_after=wait)
        return Fault(Kind.UNAUTHENTICATED, self.refusal)

    def by_control(self, scope: Scope) -> bool:
        """Whether a request came over the socket that only the user who runs the gateway can open."""
        return self._came_by(scope["server"]) == "control"

    def identify(self, scope: Scope) -> Principal | None:
        """The principal of a request; None refuses it."""
        presented = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(presented) == 1 and (found := _BEARER.fullmatch(presented[0])):
            principal = self._keyring().resolve(found[1], time.time())
            if principal is not None:
                return principal
        way = self._came_by(scope["server"])
        if way == "control":
            return self._acting_as(scope)
        if self._disabled == "all" or (self._disabled == "loopback" and is_local(scope, way)):
            return ANONYMOUS
        return None

    def _acting_as(self, scope: Scope) -> Principal | None:
        """The control socket is ours alone: its caller is the operator, or any client it names that has a key.

        One whose keys have expired or are switched off sees nothing, and what its newer key may is what counts.
        """
        name = next((value.decode(errors="replace") for name, value in scope["headers"] if name == ACT_AS), None)
        if name is None:
            return OPERATOR
        now = time.time()
        theirs = (key for key in self._keyring().keys if key.principal.client_id == name and now < key.until)
        return next((key.principal for key in theirs), None)


def is_local(scope: Scope, way: Way) -> bool:
    """Loopback peer, loopback Host and no trace of a proxy: behind a tunnel every peer is loopback."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if not _FORWARDED.isdisjoint(headers):
        return False
    client = scope["client"]
    peer = headers.get(PEER, b"").decode("latin-1") if way == "edge" else (client[0] if client else "")
    return _is_loopback(peer) and _is_loopback(host_name(headers.get(b"host", b"").decode("latin-1")))


def host_name(host: str) -> str:
    """A Host header without its port: `[::1]:8080` is `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_loopback(host: str) -> bool:
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
