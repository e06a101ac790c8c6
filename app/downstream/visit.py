"""One message in progress, and what follows from who sent it where: what it sees, and how it goes to a server."""

from typing import cast

import msgspec
from litestar.types import Scope, Send

from app.config.keys import Principal
from app.downstream.response import RelayResponse
from app.gateway.gateway import Gateway
from app.gateway.relayed import Relayed
from app.gateway.sessions import Session
from app.protocol.classify import Headers, Inbound
from app.protocol.faults import Fault
from app.protocol.versions import Era
from app.relay import logs
from app.relay.view import View


class Visit(msgspec.Struct):
    """Who sent the message, to which part of the gateway (`only`: one server's), and in which session."""

    gateway: Gateway
    scope: Scope
    principal: Principal
    only: str
    inbound: Inbound
    session: Session | None
    response: RelayResponse
    send: Send

    def view(self) -> View:
        """What its sender sees by now."""
        return self.gateway.current.view(self.principal.grant, self.only)

    def call(self, only: str = "") -> Relayed:
        """It as a request on its way to a server; `only`: to this one, whatever it names."""
        inbound, session = self.inbound, self.session
        members = inbound.meta.members
        return Relayed(
            self.principal.client_id,
            session,
            inbound.era,
            inbound.message,
            logs.stamped(members, session.log_level) if session else members,
            inbound.meta.token,
            self.view,
            inbound.accept.stream,
            headers=headers_of(self.scope),
            only=only,
        )

    def log_level(self) -> int | Fault:
        """From which level on its sender hears log messages."""
        if self.inbound.era is Era.MODERN:
            return logs.wanted(self.inbound.meta.members)
        level = self.session.log_level if self.session else None
        return logs.UNSET if level is None else level


def headers_of(scope: Scope) -> Headers:
    """The headers of a request: uvicorn's are a list, Litestar's type says iterable."""
    return cast("Headers", scope["headers"])
