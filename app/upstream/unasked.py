"""Where the notifications of one session go that are not about the progress of a call.

Sends nothing. Changes of lists and of single resources are everybody's; what comes on a feed is of whoever opened it; a
log message is of one call, and so is what no revision knows where it comes on the stream of one. Anything else names
nobody, and the session is shared: it is dropped.
"""

from collections.abc import Callable, Mapping

import msgspec

from app.protocol.jsonrpc import members_of, text_of
from app.protocol.methods import is_foreign
from app.protocol.versions import Era
from app.relay.events import Noticed, Sink
from app.relay.listen import ACKNOWLEDGED, SUBSCRIPTION_ID, TASK_CHANGED, UPDATED
from app.relay.logs import MESSAGE, named
from app.upstream.awaited import NAMED_BY, Awaited
from app.upstream.logging_level import LoggingLevel
from app.upstream.wire import ABSENT, subscription_id

# The kinds of list whose change a server may announce.
CHANGES = {
    "notifications/tools/list_changed": "tools",
    "notifications/prompts/list_changed": "prompts",
    "notifications/resources/list_changed": "resources",
}

Hears = Callable[[msgspec.Raw], None]


class Feed(msgspec.Struct, frozen=True):
    """A feed of changes under way: who hears the params of its acknowledgement, and of what is told of tasks on it."""

    acknowledged: Hears | None = None
    of_task: Hears | None = None


class Unasked:
    """`on_changed` hears the kind of each list that changed, "" where any may have.

    `on_updated` hears of each resource that has; None: some may have, and nobody heard. `feeds` by our request ids.
    """

    def __init__(self, server: str, on_changed: Callable[[str], None] | None = None) -> None:
        self.on_changed = on_changed
        self.on_updated: Callable[[str | None], None] | None = None
        self.feeds: dict[int, Feed] = {}
        self.logs = LoggingLevel()
        self.awaited = Awaited()
        self._server = server

    def __repr__(self) -> str:
        return f"<Unasked {self._server} {len(self.feeds)} feeds>"

    def take(self, method: str, params: msgspec.Raw, era: Era, pending: Mapping[int, Sink], origin: int | None) -> None:
        """One notification; `pending`: the sinks of our requests, `origin`: that on whose own stream it came."""
        if method == MESSAGE:
            self._logged(params, era, pending, origin)
        elif method == UPDATED:
            uri = text_of((members_of(params) or {}).get("uri"))
            if self.on_updated and uri is not None:
                self.on_updated(uri)
        elif method == ACKNOWLEDGED:
            self._opened(params, era)
        elif method == TASK_CHANGED:
            feed = self._feed_of(params)
            if feed and feed.of_task:
                feed.of_task(params)
        elif kind := CHANGES.get(method):
            if self.on_changed:
                self.on_changed(kind)
        elif method in NAMED_BY:
            self.awaited.take(method, params)
        elif origin is not None and origin in pending and is_foreign(method):
            pending[origin](Noticed(method, params))

    def _logged(self, params: msgspec.Raw, era: Era, pending: Mapping[int, Sink], origin: int | None) -> None:
        """To the call it is of. What nobody can tell of is dropped: it may be another client's."""
        if origin is None and era is Era.MODERN:
            origin = self.logs.only_one(pending)
        sink = pending.get(origin) if origin is not None else None
        if sink is not None:
            sink(Noticed(MESSAGE, named(params, self._server)))

    def _opened(self, params: msgspec.Raw, era: Era) -> None:
        """A feed that opens may have missed a change of any kind. A legacy session's stream opens as its feed."""
        feed = self._feed_of(params)
        if feed is not None and feed.acknowledged is not None:
            feed.acknowledged(params)
            return
        if self.on_changed:
            self.on_changed("")
        if self.on_updated and era is Era.LEGACY:
            self.on_updated(None)

    def _feed_of(self, params: msgspec.Raw) -> Feed | None:
        meta = members_of((members_of(params) or {}).get("_meta", b"")) or {}
        ident = subscription_id(meta.get(SUBSCRIPTION_ID, ABSENT))
        return self.feeds.get(ident) if ident is not None else None
