"""Changes of tasks, for one listener: a feed of its own on each server that its tasks are on.

No HTTP. A feed that broke is opened again for as long as the listener listens; what a server refuses is not honoured.
The extension `io.modelcontextprotocol/tasks`, "Task Status Notifications"; modern servers alone have it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import anyio
import msgspec

from app.gateway.gateway import Gateway
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay import tasks
from app.relay.catalog import Members
from app.relay.events import PeerError, Request
from app.relay.listen import TASKS, honoured
from app.relay.view import View
from app.upstream.errors import UpstreamError

log = logging.getLogger("app.gateway")

# Seconds a server has to say that it will tell.
LIMIT = 10.0
FIRST_DELAY = 1.0
LAST_DELAY = 60.0
ABLE = msgspec.Raw(msgspec.json.encode({"extensions": {tasks.EXTENSION: {}}}))

# A server, our id of a task, and all that the server tells of it.
Told = Callable[[str, str, Members], None]


class TaskFeeds:
    """What one listener hears of its tasks. `close` must follow `open`."""

    def __init__(self, gateway: Gateway, client_id: str, told: Told) -> None:
        self._gateway = gateway
        self._client_id = client_id
        self._told = told
        self._running: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<TaskFeeds {len(self._running)} servers>"

    async def open(self, view: View, ours: tuple[str, ...]) -> tuple[str, ...]:
        """Begin to hear of these tasks; those that will be told of, in the order in which they were asked for."""
        loop = asyncio.get_running_loop()
        opened: list[asyncio.Future[frozenset[str]]] = []
        for server, names in self._places(view, ours).items():
            found: asyncio.Future[frozenset[str]] = loop.create_future()
            opened.append(found)
            work = self._follow(server, names, found)
            self._running.append(self._gateway.tasks.create_task(work))
        if opened:
            await asyncio.wait(opened, timeout=LIMIT)
        held = frozenset[str]().union(*(found.result() for found in opened if found.done()))
        return tuple(name for name in ours if name in held)

    def close(self) -> None:
        """Hear no more. Idempotent."""
        for task in self._running:
            task.cancel()

    def _places(self, view: View, ours: tuple[str, ...]) -> dict[str, dict[str, str]]:
        """The servers of these tasks, each with its own ids and ours for them."""
        able = {
            source.server
            for source in view.sources
            if source.catalog
            and tasks.offers(source.catalog.capabilities, Era.MODERN)
            and source.server in self._gateway.current.upstreams
        }
        places: dict[str, dict[str, str]] = {}
        for name in ours:
            found = self._gateway.task_ids.theirs(name, self._client_id)
            if found is not None and found[0] in able:
                places.setdefault(found[0], {})[found[1]] = name
        return places

    async def _follow(self, server: str, names: Mapping[str, str], opened: asyncio.Future[frozenset[str]]) -> None:
        wanted = msgspec.json.encode({TASKS: list(names)})
        request = Request("subscriptions/listen", {"notifications": msgspec.Raw(wanted)}, {}, capabilities=ABLE)

        def acknowledged(params: msgspec.Raw) -> None:
            if not opened.done():
                opened.set_result(frozenset(names[own] for own in honoured(params, TASKS) if own in names))

        def told(params: Members, own: str) -> None:
            if own in names:
                self._told(server, names[own], tasks.signed(params, server))

        delay = FIRST_DELAY
        try:
            while not await self._refused(server, request, acknowledged, told):
                await anyio.sleep(delay)
                delay = min(delay * 2, LAST_DELAY)
        finally:
            if not opened.done():
                opened.set_result(frozenset())

    async def _refused(
        self,
        server: str,
        request: Request,
        acknowledged: Callable[[msgspec.Raw], None],
        told: Callable[[Members, str], None],
    ) -> bool:
        """One feed from its beginning to its end; True where the server has none. A reload may have replaced it."""
        upstream = self._gateway.current.upstreams.get(server)
        if upstream is None:
            return False

        def of_task(params: msgspec.Raw) -> None:
            members = members_of(params)
            own = tasks.id_in(members) if members else None
            if members and own is not None:
                told(members, own)

        try:
            key = self._client_id if upstream.spec.pool in {"client", "session"} else ""
            lease = await upstream.acquire(Era.MODERN, key)
            try:
                if lease.era is Era.LEGACY:
                    return True
                outcome = await lease.connection.subscribe(request, acknowledged, of_task)
            finally:
                lease.release()
        except UpstreamError as error:
            log.info("server=%s a feed of tasks is lost: %s", server, error.fault.message)
            return False
        return isinstance(outcome, PeerError)
