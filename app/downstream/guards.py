"""What a request must fulfil before anything of it is read. `async def`: Litestar runs others in a thread pool.

Order as PROTOCOL.md section 1: Origin and Host first, then who calls.
"""

import re
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope

from app.config.keyring import Principal
from app.config.settings import Settings
from app.downstream.authenticators import Authenticator
from app.downstream.refusals import Refused
from app.protocol.faults import Fault, Kind

Connection = ASGIConnection[Any, Any, Any, Any]
_PRINCIPAL = "mcp.principal"
NO_ROOM = "mcp.no_room"
"""In the scope of a request whose connection there is hardly room for (app/serve/room.py)."""
# Less than Litestar takes.
_PLAIN_HOST = re.compile(rb"[0-9A-Za-z.:\[\]_-]+").fullmatch
FOREIGN_ORIGIN = Fault(Kind.FORBIDDEN_ORIGIN, "This origin may not call; MCP_ALLOWED_ORIGINS lists those that may.")
FULL = Fault(Kind.FULL, "No room for more connections: try again after the time in Retry-After.", retry_after=5.0)
FOREIGN_HOST = Fault(Kind.FORBIDDEN_HOST, "This host name is not served; MCP_ALLOWED_HOSTS lists those that are.")


class Guards:
    """The guards of every route, over one set of settings."""

    def __init__(self, settings: Settings, authenticator: Authenticator) -> None:
        self.allows_origin = settings.allows_origin()
        self._allows_host = settings.allows_host()
        self._authenticator = authenticator

    def admits(self, scope: Scope) -> Principal | None:
        """Who calls, where it is plain that no guard of the endpoint would stop it. None says nothing: ask the guards.

        Plain is a request of no page, for a host that is served, with each header once.
        """
        told = cast("list[tuple[bytes, bytes]]", scope["headers"])
        headers = dict(told)
        host = headers.get(b"host")
        if host is None or b"origin" in headers or len(headers) != len(told) or not self._serves(host):
            return None
        if NO_ROOM in scope:
            return None
        return self._authenticator.identify(scope)

    def _serves(self, host: bytes) -> bool:
        if self._allows_host is not None and not self._allows_host(host.decode("latin-1")):
            return False
        return _PLAIN_HOST(host) is not None

    async def requires_own_site(self, connection: Connection, _: BaseRouteHandler) -> None:
        """403 for a page of another site, and for a Host name that is not ours (DNS rebinding).

        A path of another spelling, which Litestar would serve too, does not come here (gate.py).
        """
        for name, value in connection.scope["headers"]:
            if name == b"origin" and not self.allows_origin(value.decode("latin-1")):
                raise Refused(FOREIGN_ORIGIN)
            if name == b"host" and self._allows_host and not self._allows_host(value.decode("latin-1")):
                if self._authenticator.by_control(connection.scope):
                    continue  # no page reaches the control socket, whatever name it is asked under
                raise Refused(FOREIGN_HOST)

    async def requires_principal(self, connection: Connection, _: BaseRouteHandler) -> None:
        """401 unless the caller is known, 503 where there is no room for it. Preflights carry no key and need none."""
        scope = cast("dict[str, Any]", connection.scope)
        if scope["method"] == "OPTIONS":
            return
        principal = self._authenticator.identify(connection.scope)
        if principal is None:
            raise Refused(self._authenticator.refuse(connection.scope))
        if NO_ROOM in scope and not self._authenticator.by_control(connection.scope):
            raise Refused(FULL)
        scope[_PRINCIPAL] = principal


def principal_of(scope: Scope) -> Principal:
    """Who calls; set by `requires_principal`, which stands before every route that asks."""
    return cast("dict[str, Any]", scope)[_PRINCIPAL]


def known_principal(scope: Scope) -> Principal | None:
    """Who calls, if that is known by now."""
    return cast("dict[str, Any]", scope).get(_PRINCIPAL)


def note_principal(scope: Scope, principal: Principal) -> None:
    """For a route that a caller may also use without a key."""
    cast("dict[str, Any]", scope)[_PRINCIPAL] = principal
