"""The resources of one server that somebody wants to hear of, kept subscribed over all of the server's lives.

Outlives its sessions: `add` and `drop` say what is wanted, `keep` makes one session tell of it until that ends. Legacy
servers are asked for each resource; a modern one by a `subscriptions/listen` that names them all, and another one when
they change. What was heard of before and is heard of again may have changed meanwhile: it is told as updated, once
(PROTOCOL.md sections 3.4 and 8).
"""

import asyncio
import logging
from collections.abc import Callable

import anyio
import anyio.abc
import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay.events import PeerError, Request
from app.relay.listen import RESOURCES, honoured_resources
from app.upstream.connection import Connection
from app.upstream.errors import UpstreamError

log = logging.getLogger("app.upstream")

# Seconds a server has to say that it will tell, and whoever asked waits for a server that is starting.
LIMIT = 10.0
# Pause before a lost feed is opened again, doubled at each attempt.
FIRST_DELAY = 1.0
LAST_DELAY = 60.0

Refusal = PeerError | Fault


class Watches:
    """One server's. Listeners are told the URI of each resource that has changed, on the event loop."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._wanted: dict[str, list[asyncio.Future[Refusal | None]]] = {}
        self._held: set[str] = set()
        self._lost: set[str] = set()
        self._changed = anyio.Event()
        self._listeners: list[Callable[[str], None]] = []

    def __repr__(self) -> str:
        return f"<Watches {self._server} {len(self._held)} of {len(self._wanted)}>"

    def __len__(self) -> int:
        return len(self._wanted)

    def add_listener(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Returns what removes it again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def add(self, uri: str) -> Refusal | None:
        """Hear of `uri` from here on; None once the server tells of it. What it refused is not wanted any more."""
        waiting = self._wanted.setdefault(uri, [])
        if uri in self._held:
            return None
        answer: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        waiting.append(answer)
        self._changed.set()
        try:
            async with asyncio.timeout(LIMIT):
                return await answer
        except TimeoutError:
            text = f"Server '{self._server}' did not say in time whether it tells of changes."
            self.drop(uri)
            return Fault(Kind.TIMEOUT, text, server=self._server)
        finally:
            if answer in waiting:
                waiting.remove(answer)

    def drop(self, uri: str) -> None:
        """Nobody wants to hear of it any more."""
        if self._wanted.pop(uri, None) is not None:
            self._lost.discard(uri)
            self._changed.set()

    async def keep(self, connection: Connection) -> None:
        """Make this session tell of what is wanted, until it ends."""
        connection.unasked.on_updated = self._updated
        try:
            if connection.era is Era.LEGACY:
                await self._keep_each(connection)
            else:
                await self._keep_all(connection)
        finally:
            connection.unasked.on_updated = None
            self._lost |= self._held
            self._held.clear()

    # Legacy: one request for each.

    async def _keep_each(self, connection: Connection) -> None:
        refused: set[str] = set()
        while not connection.fault:
            self._changed = anyio.Event()
            refused &= self._wanted.keys()
            for uri in [uri for uri in self._wanted if uri not in self._held and uri not in refused]:
                refusal = await self._ask(connection, "resources/subscribe", uri)
                if refusal is None:
                    self._hold(uri)
                else:
                    refused.add(uri)
                    self._refuse(uri, refusal)
            for uri in self._held - self._wanted.keys():
                self._held.discard(uri)
                await self._ask(connection, "resources/unsubscribe", uri)
            await self._changed.wait()

    async def _ask(self, connection: Connection, method: str, uri: str) -> Refusal | None:
        request = Request(method, {"uri": msgspec.Raw(msgspec.json.encode(uri))}, {})
        try:
            outcome = await connection.call(request, LIMIT)
        except UpstreamError as error:
            return error.fault
        return outcome if isinstance(outcome, PeerError) else None

    # Modern: one listen for all.

    async def _keep_all(self, connection: Connection) -> None:
        asked: frozenset[str] = frozenset()
        feed: anyio.CancelScope | None = None
        async with anyio.create_task_group() as tasks:
            while not connection.fault:
                self._changed = anyio.Event()
                wanted = frozenset(self._wanted)
                if wanted != asked:
                    former, feed = feed, None
                    if wanted:
                        feed = await tasks.start(self._listen, connection, wanted)
                    if former is not None:
                        former.cancel()
                    # What it refused is not wanted any more: the next feed goes without.
                    asked = wanted
                    self._held &= asked
                    continue
                await self._changed.wait()

    async def _listen(
        self,
        connection: Connection,
        wanted: frozenset[str],
        *,
        task_status: anyio.abc.TaskStatus[anyio.CancelScope] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """One feed, opened again when it breaks, until it is refused. Started: acknowledged, or given up on."""
        settled = anyio.Event()

        def acknowledged(params: msgspec.Raw) -> None:
            told = honoured_resources(members_of(params) or {})
            for uri in wanted & self._wanted.keys():
                if uri in told:
                    self._hold(uri)
                else:
                    self._refuse(uri, self._unsupported())
            settled.set()

        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._feed, connection, wanted, acknowledged, settled)
                with anyio.move_on_after(LIMIT):
                    await settled.wait()
                task_status.started(scope)

    async def _feed(
        self,
        connection: Connection,
        wanted: frozenset[str],
        acknowledged: Callable[[msgspec.Raw], None],
        settled: anyio.Event,
    ) -> None:
        request = Request("subscriptions/listen", {"notifications": _filter(wanted)}, {})
        delay = FIRST_DELAY
        while not connection.fault:
            refusal: Refusal | None = None
            try:
                outcome = await connection.subscribe(request, acknowledged)
                refusal = outcome if isinstance(outcome, PeerError) else None
            except UpstreamError as error:
                log.debug("server=%s feed of resources lost: %s", self._server, error.fault.message)
            if refusal is not None:
                for uri in wanted & self._wanted.keys():
                    self._held.discard(uri)
                    self._refuse(uri, refusal)
                settled.set()
                return
            self._lost |= self._held & wanted
            await anyio.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    # Both.

    def _hold(self, uri: str) -> None:
        self._held.add(uri)
        for answer in self._wanted.get(uri, ()):
            if not answer.done():
                answer.set_result(None)
        if uri in self._lost:
            self._lost.discard(uri)
            self._tell(uri)

    def _refuse(self, uri: str, refusal: Refusal) -> None:
        waiting = self._wanted.get(uri, ())
        if not waiting:
            log.info("server=%s tells no more of a resource that it told of before", self._server)
            return
        del self._wanted[uri]
        for answer in list(waiting):
            if not answer.done():
                answer.set_result(refusal)

    def _updated(self, uri: str | None) -> None:
        """The server says so; None: it may have said so while nobody heard."""
        for each in [uri] if uri is not None else list(self._held):
            self._tell(each)

    def _tell(self, uri: str) -> None:
        for listener in list(self._listeners):
            listener(uri)

    def _unsupported(self) -> Fault:
        text = f"Server '{self._server}' does not tell of changes of this resource."
        return Fault(Kind.METHOD_NOT_FOUND, text, server=self._server)


def _filter(wanted: frozenset[str]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({RESOURCES: sorted(wanted)}))
