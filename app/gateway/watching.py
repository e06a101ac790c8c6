"""Who hears of changes of which single resource, of all servers of the present generation.

No HTTP. Theory of operation: each (server, URI) has its hearers; the server is asked at the first one and told at the
last one that it is wanted no more (`upstream.watches` keeps that over the server's lives). A reload that puts another
server in a place asks that one too; what it refuses is heard of no more, silently, as a server's own end would be.
"""

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Protocol

from app.protocol.faults import Fault, Kind
from app.upstream.upstream import Upstream
from app.upstream.watches import Refusal

log = logging.getLogger("app.gateway")

Place = tuple[str, str]


class Hearer(Protocol):
    """A session, or a subscription of its own. Decides by itself whether its principal may still hear of it."""

    def updated(self, server: str, uri: str) -> None: ...


class Watching:
    """`upstreams`: those of the present generation; `own` runs something beside the requests."""

    def __init__(
        self,
        upstreams: Callable[[], Mapping[str, Upstream]],
        own: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._upstreams = upstreams
        self._own = own
        self._hearers: dict[Place, dict[int, Hearer]] = {}
        self._asked: dict[Place, Upstream] = {}
        self._hooks: dict[int, Callable[[], None]] = {}

    def __repr__(self) -> str:
        return f"<Watching {len(self)} resources>"

    def __len__(self) -> int:
        return len(self._hearers)

    async def add(self, server: str, uri: str, hearer: Hearer) -> Refusal | None:
        """From here on `hearer` is told of changes of `uri`; or why it is not. `drop` must follow where it is."""
        upstream, place = self._upstreams().get(server), (server, uri)
        if upstream is None:  # a reload took it away while another one was asked
            return Fault(Kind.CLOSED, f"Server {server} was removed.", server)
        self._hearers.setdefault(place, {})[id(hearer)] = hearer
        if upstream.resting:
            upstream.wanted.set()
        try:
            refusal = await self._ask(upstream, place)
        except BaseException:
            self.drop(server, uri, hearer)
            raise
        if refusal is not None:
            self.drop(server, uri, hearer)
        return refusal

    def drop(self, server: str, uri: str, hearer: Hearer) -> None:
        """It hears of that no more. Idempotent."""
        place = server, uri
        hearers = self._hearers.get(place)
        if hearers is None:
            return
        hearers.pop(id(hearer), None)
        if not hearers:
            del self._hearers[place]
            upstream = self._asked.pop(place, None)
            if upstream is not None:
                upstream.watches.drop(uri)

    def swapped(self) -> None:
        """Another generation is the present one: what was asked of a server that is gone is asked of its successor."""
        upstreams = self._upstreams()
        for place, former in list(self._asked.items()):
            server, uri = place
            upstream = upstreams.get(server)
            if upstream is not former:
                former.watches.drop(uri)
                del self._asked[place]
                if upstream is not None:
                    self._own(self._move(upstream, place))
        current = {id(upstream) for upstream in upstreams.values()}
        for gone in self._hooks.keys() - current:
            self._hooks.pop(gone)()

    async def _move(self, upstream: Upstream, place: Place) -> None:
        server, uri = place
        refusal = await self._ask(upstream, place)
        if refusal is not None:
            log.info("server=%s after its change tells no more of a resource", server)
        else:
            self._tell(server, uri)

    async def _ask(self, upstream: Upstream, place: Place) -> Refusal | None:
        server, uri = place
        self._asked[place] = upstream
        if id(upstream) not in self._hooks:
            self._hooks[id(upstream)] = upstream.watches.add_listener(lambda uri: self._tell(server, uri))
        return await upstream.watches.add(uri)

    def _tell(self, server: str, uri: str) -> None:
        for hearer in list(self._hearers.get((server, uri), {}).values()):
            hearer.updated(server, uri)
