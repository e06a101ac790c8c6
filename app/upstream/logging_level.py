"""What one session's server logs: from which level on, and which of our requests a message is of.

Starts and sends nothing. A legacy server has one level a session, a log message names no request, and a session may be
shared: it is asked for the lowest level that anybody wants, and each hears of its own from there. A message is of the
request on whose stream it came; else of the one request it can be of; else of nobody.
"""

from collections.abc import Container

from app.relay.events import Request
from app.relay.logs import LEVELS, LOG_LEVEL, rank_of

MAX_MARKED = 256


class LoggingLevel:
    """`offered`: whether the server logs at all."""

    def __init__(self) -> None:
        self.offered = False
        self._level: int | None = None
        self._marked: set[int] = set()

    def __repr__(self) -> str:
        return f"<LoggingLevel {'none' if self._level is None else LEVELS[self._level]}>"

    def lowered_by(self, request: Request) -> str | None:
        """The level that a legacy server is to be asked for before it gets this request; None where it logs enough."""
        if not self.offered or not request.meta:
            return None
        rank = rank_of(request.meta.get(LOG_LEVEL))
        if rank is None or (self._level is not None and self._level <= rank):
            return None
        self._level = rank
        return LEVELS[rank]

    def mark(self, request_id: int, request: Request, pending: Container[int]) -> None:
        """A modern server gets a request that may ask for logs."""
        if LOG_LEVEL in request.meta:
            if len(self._marked) >= MAX_MARKED:
                self._marked = {marked for marked in self._marked if marked in pending}
            self._marked.add(request_id)

    def only_one(self, pending: Container[int]) -> int | None:
        """The one request under way that asked a modern server for logs: it sends none for others."""
        self._marked = {marked for marked in self._marked if marked in pending}
        return next(iter(self._marked)) if len(self._marked) == 1 else None
