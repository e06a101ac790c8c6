"""`/health`, `/health/live`, `/health/ready` (INTERFACE, "Endpoints").

Without a key they say only that we live; names of servers and reasons are for principals who may see them.
"""

from collections.abc import Callable
from typing import Any

from litestar import Controller, Request, Response, get

from app.config.keyring import Principal
from app.downstream.authenticators import Authenticator
from app.downstream.guards import note_principal
from app.downstream.refusals import Refused
from app.gateway.gateway import Gateway
from app.gateway.status import degraded, ready, remarks, running, server_details

Incoming = Request[Any, Any, Any]
SERVICE = "mcp-proxy"


class Health:
    """What the routes answer; built once, since controllers of Litestar have no constructor."""

    def __init__(self, gateway: Callable[[], Gateway], authenticator: Authenticator, *, auth_disabled: bool) -> None:
        self._gateway = gateway
        self._authenticator = authenticator
        self._auth_disabled = auth_disabled

    def caller(self, request: Incoming) -> Principal | None:
        """Who asks; None without a key. A wrong key is a 401, never the basic answer."""
        principal = self._authenticator.identify(request.scope)
        if principal is None and "authorization" in request.headers:
            raise Refused(self._authenticator.refuse(request.scope))
        if principal is not None:
            note_principal(request.scope, principal)
        return principal

    def overview(self, principal: Principal | None) -> dict[str, Any]:
        """The body of `/health`."""
        gateway = self._gateway()
        details = server_details(gateway.current, principal)
        gateway.edits.mark(details)
        whole = principal is None or len(details) == len(server_details(gateway.current, None))
        down = degraded(details) or (whole and gateway.edits.refused)
        body: dict[str, Any] = {"status": "degraded" if down else "healthy", "service": SERVICE}
        if self._auth_disabled:
            body["auth"] = "disabled"
        if principal is not None:
            body |= {"servers": list(details), "details": details}
            if whole and gateway.edits.refused:
                body["reload"] = gateway.edits.told()
            if principal.grant.admin:
                body["remarks"] = remarks(gateway.current)
                body["running"] = running(gateway.current)
        return body

    def readiness(self, principal: Principal | None) -> tuple[int, dict[str, Any]]:
        """Status and body of `/health/ready`; the reason only for a principal."""
        reason = ready(self._gateway())
        body: dict[str, Any] = {"status": "not ready" if reason else "ready"}
        if reason and principal is not None:
            body["reason"] = reason
        return (503 if reason else 200), body


def health_controller(health: Health) -> type[Controller]:
    """The routes over `health`."""

    class HealthController(Controller):
        path = "/health"

        @get()
        async def overview(self, request: Incoming) -> dict[str, Any]:
            return health.overview(health.caller(request))

        @get("/live")
        async def live(self, request: Incoming) -> dict[str, Any]:
            health.caller(request)
            return {"status": "live"}

        @get("/ready")
        async def ready(self, request: Incoming) -> Response[dict[str, Any]]:
            status, body = health.readiness(health.caller(request))
            return Response(body, status_code=status)

    return HealthController
