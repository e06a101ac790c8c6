"""How often one call was tried, and whether it is tried once more; what may be repeated is `repeating`'s to say."""

import logging

from app.gateway import repeating
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Event, Failed, Finished, Lost, PeerError
from app.upstream.errors import SessionLost
from app.upstream.leases import Lease

log = logging.getLogger("app.gateway")


class Tries:
    """A lost call is sent once more, at most, and one whose form its server refused once more in another."""

    left = False
    """Whether the request was sent, as far as anybody knows."""
    streamed = False
    """Whether its client was told something by now: a second try would tell it twice."""
    patience = 0.0
    """Seconds that the next try waits for a server that is down: before the second one, nobody waits."""
    refused = 0
    """The code of what the server refused of the form of the request, until that is mended."""
    _mended = False

    def __repr__(self) -> str:
        return f"<Tries left={self.left} patience={self.patience}>"

    def repeated(self, server: str, fault: Fault, *, is_harmless: bool) -> Event:
        """What follows from the loss of a call: a second try, or what its client is to know."""
        self.left = not fault.unsent
        if not self.patience and not self.streamed and repeating.may_repeat(fault, is_harmless=is_harmless):
            log.info("server=%s a call is sent again: %s", server, fault.message)
            self.patience = repeating.PATIENCE
            return Lost()
        return Failed(repeating.explained(fault, is_harmless=is_harmless))

    def mended(self, event: Finished, error: PeerError, lease: Lease) -> Event:
        """Where a modern server refuses the form of our request, which is our matter: one more try in another form."""
        if lease.era is Era.LEGACY or self._mended or self.streamed:
            return event
        code, server = repeating.error_code(error), lease.connection.server
        if code not in repeating.OUR_OWN_MATTER:
            return event
        log.info("server=%s refused the form of a request (%d): it is sent again", server, code)
        self.refused, self._mended, self.patience = code, True, repeating.PATIENCE
        if code == repeating.UNSUPPORTED_VERSION:
            lease.connection.ending(SessionLost(Kind.CLOSED, f"Server {server} speaks another revision now."))
        return Lost()
