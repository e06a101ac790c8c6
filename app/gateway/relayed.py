"""A request on its way to a server, as a value: whose it is, in which session, and what it says."""

from collections.abc import Callable

import msgspec

from app.gateway.sessions import Session
from app.protocol.classify import Headers
from app.protocol.jsonrpc import Message
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.versions import Era
from app.relay.answerable import NONE
from app.relay.catalog import Members
from app.relay.continuation import Turn, binding_of
from app.relay.view import View


class Relayed(msgspec.Struct, frozen=True):
    """A request on its way: whose it is, in which legacy session if any and which era, and what it says.

    `meta` and `token` are what was read from its `_meta`; `view` gives the caller's present view; `streams` says
    whether its answer may be a stream; `turn` is what it continues, where it answers a server's question; `headers`
    are those it came with, as received; `only` is the server that is asked for what no revision has.
    """

    client_id: str
    session: Session | None
    era: Era
    message: Message
    meta: Members
    token: bytes
    view: Callable[[], View]
    streams: bool = False
    turn: Turn | None = None
    headers: Headers = []
    only: str = ""

    @property
    def binding(self) -> bytes:
        """What a state that goes with a question to this call is bound to."""
        return binding_of(self.client_id, self.message.method, self.message.params)

    @property
    def declared(self) -> msgspec.Raw:
        """What its client can be asked, where a question can reach it."""
        if self.era is Era.MODERN:
            return self.meta.get(CLIENT_CAPABILITIES) or NONE
        askable = self.session is not None and self.session.id and self.streams
        return self.session.capabilities if self.session is not None and askable else NONE
