"""Everything of ours that Litestar carries: routes, guards, exception handlers, and the gateway's life."""

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, cast

from litestar import Litestar
from litestar._asgi.routing_trie.types import RouteTrieNode  # pyright: ignore[reportPrivateUsage] - see _mend_parameters
from litestar.config.app import AppConfig
from litestar.handlers import ASGIRouteHandler
from litestar.plugins import InitPlugin
from litestar.types import ASGIApp
from litestar.types.internal_types import PathParameterDefinition

from app.config.keyring import Keyring
from app.config.settings import Settings
from app.config.snapshot import Snapshot
from app.downstream.authenticators import Authenticator
from app.downstream.call_log import CallLog
from app.downstream.callers import Way
from app.downstream.doctor import PATH as DOCTOR
from app.downstream.doctor import Doctor
from app.downstream.endpoint import Endpoint
from app.downstream.guards import Connection, Guards
from app.downstream.health import Health, health_controller
from app.downstream.lane import with_lane
from app.downstream.refusals import HANDLERS
from app.downstream.sse_front import MESSAGES, SSE, SseFront
from app.downstream.unparsed import Unparsed
from app.gateway.gateway import Gateway
from app.gateway.reload import Reload

AsyncGuard = Callable[[Connection, ASGIRouteHandler], Awaitable[None]]
ExceptionHandlers = MutableMapping[int | type[Exception], Any]
PATHS = ["/mcp", "/servers/{name:str}/mcp"]


class EndpointHandler(ASGIRouteHandler):
    """The route of the endpoint. What Litestar would make anew for each request is made once."""

    __slots__ = ("_handlers",)

    async def authorize_connection(self, connection: Connection) -> None:
        """Run the guards. Litestar hands each of them a copy of the handler, which is a fifth of a call's cost."""
        guards: list[AsyncGuard] = cast("Any", self).resolve_guards()
        for guard in guards:
            await guard(connection, self)

    def resolve_exception_handlers(self) -> ExceptionHandlers:
        """Those of every layer. Asked for at each request, whether or not anything is raised."""
        try:
            return self._handlers
        except AttributeError:
            self._handlers: ExceptionHandlers = cast("Any", super()).resolve_exception_handlers()
            return self._handlers


class GatewayPlugin(InitPlugin):
    """Serves one gateway. `came_by` tells which of our sockets a request came through; `reload` takes its edits."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        keyring: Keyring,
        came_by: Callable[[object], Way],
        *,
        call_log: CallLog | None = None,
        launched: float = 0.0,
        reload: Callable[[Gateway], Reload] | None = None,
    ) -> None:
        self._launched = launched
        self._settings = settings
        self._call_log = call_log or CallLog()
        self._snapshot = snapshot
        self._keyring = keyring
        self._reload = reload
        self._gateway: Gateway | None = None
        self._authenticator = Authenticator(settings, lambda: self.gateway.current.keyring, came_by)
        self.unparsed = Unparsed(self._authenticator)
        self.guards = Guards(settings, self._authenticator)
        self._endpoint = Endpoint(lambda: self.gateway, settings.max_body, self._call_log, self._authenticator.identify)

    hidden = (DOCTOR,)
    """Routes for our own commands alone."""

    def with_lane(self, app: ASGIApp) -> ASGIApp:
        """`app`, which is all of Litestar, with the short way beside it that calls take."""
        return with_lane(app, self._endpoint.post, self.guards.admits)

    @property
    def gateway(self) -> Gateway:
        """The running gateway; there is one once the lifespan has begun."""
        assert self._gateway is not None, "requests come after the lifespan's start"
        return self._gateway

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        handler = EndpointHandler(PATHS, guards=[self.guards.requires_principal], copy_scope=False)(
            self._endpoint.serve
        )
        health = Health(lambda: self.gateway, self._authenticator, auth_disabled=self._settings.disable_auth != "no")
        doctor = ASGIRouteHandler(DOCTOR, copy_scope=False)(Doctor(lambda: self.gateway, self._authenticator).serve)
        front = SseFront(
            lambda: self.gateway, self._endpoint, self._settings.max_body, self._call_log, self._authenticator.identify
        )
        guards = [self.guards.requires_principal]
        stream = EndpointHandler(SSE, guards=guards, copy_scope=False)(front.stream)
        messages = EndpointHandler(MESSAGES, guards=guards, copy_scope=False)(front.message)
        app_config.route_handlers = [handler, stream, messages, health_controller(health), doctor]
        app_config.guards = [self.guards.requires_own_site]
        app_config.exception_handlers = HANDLERS
        app_config.lifespan = [self._lifespan]
        app_config.openapi_config = None
        return app_config

    @asynccontextmanager
    async def _lifespan(self, app: Litestar) -> AsyncGenerator[None]:
        _mend_parameters(app.asgi_router.root_route_map_node)
        self._gateway = Gateway(self._settings, self._snapshot, self._keyring, launched=self._launched)
        async with self._gateway.running() as gateway:
            if self._reload:
                gateway.own(self._reload(gateway).run())
            yield


class _OfAnyMethod(dict[Any, tuple[PathParameterDefinition, ...]]):
    """The path parameters of an ASGI route, whatever the method is that they are asked for under."""

    def __missing__(self, method: object) -> tuple[PathParameterDefinition, ...]:
        return self["asgi"]


def _mend_parameters(node: RouteTrieNode) -> None:
    """Litestar 2.25 keeps an ASGI route's path parameters under "asgi" and looks for them under the HTTP method."""
    if node.is_asgi and node.path_parameters:
        node.path_parameters = _OfAnyMethod(node.path_parameters)
    for child in node.children.values():
        _mend_parameters(child)
