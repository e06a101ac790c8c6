"""The list of a client's tasks, from what it made and what the servers say of them."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec

from app.gateway.listing_tasks import PAGE, UNKNOWN_CURSOR, list_tasks
from app.gateway.sealing import Sealing
from app.gateway.tasks_made import TasksMade
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import ServerCatalog
from app.relay.events import PeerError, Request, Result
from app.relay.tasks import TaskIds
from app.upstream.errors import UpstreamError
from tests.support.upstreams import raw

SEALING = Sealing(bytes(32))
IDS = TaskIds(SEALING.seal_name, SEALING.unseal)
ABLE = {"tasks": raw({"requests": {"tools": {"call": {}}}})}
UNKNOWN = PeerError(raw({"code": -32602, "message": "Unknown task"}))


@dataclass
class Server:
    """A server as the list sees it: what it says of each of its tasks."""

    says: dict[str, Any]
    era: Era = Era.LEGACY
    fault: Fault | None = None
    capabilities: dict[str, msgspec.Raw] = field(default_factory=lambda: ABLE)
    released: int = 0

    @property
    def connection(self) -> "Server":
        return self

    async def acquire(self, era: Era, key: str) -> "Server":
        assert (era, key) == (Era.LEGACY, "")
        if self.fault:
            raise UpstreamError(self.fault)
        return self

    def release(self) -> None:
        self.released += 1

    async def call(self, request: Request, _: float) -> Result | PeerError:
        assert request.method == "tasks/get"
        theirs = msgspec.json.decode(request.params["taskId"])
        status = self.says.get(theirs)
        return UNKNOWN if status is None else Result(raw({"taskId": theirs, "status": status, "_meta": {}}), self.era)


class Stage:
    def __init__(self, **servers: Server) -> None:
        specs = {name: SimpleNamespace(name=name, pool="auto") for name in servers}
        current = SimpleNamespace(upstreams=servers, specs=specs)
        self.made = TasksMade()
        self.gateway: Any = SimpleNamespace(current=current, task_ids=IDS, tasks_made=self.made)
        catalogs = {name: ServerCatalog(capabilities=server.capabilities) for name, server in servers.items()}
        self.view = SimpleNamespace(
            sources=[SimpleNamespace(server=name, catalog=catalog) for name, catalog in catalogs.items()]
        )

    async def lists(self, cursor: object = None) -> Any:
        params = {} if cursor is None else {"cursor": raw(cursor)}
        call: Any = SimpleNamespace(
            client_id="ann", message=SimpleNamespace(params=params), view=lambda: self.view, session=None
        )
        found = await list_tasks(self.gateway, call)
        return found if isinstance(found, Fault) else msgspec.json.decode(found)


def named(server: str, theirs: str) -> str:
    return IDS.ours(server, theirs, "ann")


async def test_each_task_is_as_its_server_says_under_our_name() -> None:
    stage = Stage(a=Server({"1": "working"}), b=Server({"1": "failed"}))
    for client, server in (("ann", "a"), ("bob", "b"), ("ann", "b")):
        stage.made.note(client, server, "1")
    assert await stage.lists() == {
        "tasks": [{"taskId": named("a", "1"), "status": "working"}, {"taskId": named("b", "1"), "status": "failed"}]
    }


async def test_what_cannot_be_said_now_is_left_out_and_what_is_no_more_is_forgotten() -> None:
    down = Server({}, fault=Fault(Kind.CLOSED, "down"))
    modern = Server({"1": "working"}, era=Era.MODERN)
    unable = Server({"1": "working"}, capabilities={})
    stage = Stage(down=down, modern=modern, unable=unable, gone=Server({}))
    for server in ("down", "modern", "unable", "gone", "removed"):
        stage.made.note("ann", server, "1")
    assert await stage.lists() == {"tasks": []}
    assert [server for _, server, _ in stage.made.after("ann", 0)] == ["down", "modern", "unable", "removed"]
    assert modern.released == 1


async def test_a_page_is_bounded_and_its_cursor_goes_on_after_it() -> None:
    stage = Stage(a=Server({str(number): "working" for number in range(PAGE + 1)}))
    for number in range(PAGE + 1):
        stage.made.note("ann", "a", str(number))
    first = await stage.lists()
    assert len(first["tasks"]) == PAGE
    second = await stage.lists(first["nextCursor"])
    assert second == {"tasks": [{"taskId": named("a", str(PAGE)), "status": "working"}]}
    for wrong in ("", "x", 7, named("a", "1"), IDS.ours("", "1", "bob")):
        assert await stage.lists(wrong) == UNKNOWN_CURSOR, wrong
