"""`GET /doctor`: what our own `doctor` command asks, on the control socket alone.

Anywhere else, and for any other method, there is no such path: the 404 that every unknown path gets.
"""

from collections.abc import Callable

import msgspec
from litestar.exceptions import NotFoundException
from litestar.types import Receive, Scope, Send

from app.downstream.authenticators import OPERATOR, Authenticator
from app.downstream.refusals import Refused
from app.downstream.response import send_json
from app.gateway.diagnosis import diagnosis
from app.gateway.gateway import Gateway
from app.protocol.faults import Fault, Kind

PATH = "/doctor"


class Doctor:
    """Serves the path. `gateway` gives the running one."""

    def __init__(self, gateway: Callable[[], Gateway], authenticator: Authenticator) -> None:
        self._gateway = gateway
        self._authenticator = authenticator

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the shape of an app
        """The diagnosis, as the client that the request names would see it. Raises what makes a 404 or a 401."""
        if scope["type"] != "http" or scope["method"] != "GET" or not self._authenticator.by_control(scope):
            raise NotFoundException
        principal = self._authenticator.identify(scope)
        if principal is None:
            raise Refused(Fault(Kind.UNAUTHENTICATED, self._authenticator.refusal))
        body = diagnosis(self._gateway().current, None if principal is OPERATOR else principal)
        await send_json(send, 200, msgspec.json.encode(body))
