"""Feeds of tasks: which are asked for where, what is honoured, and what becomes of one that broke."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from app.gateway import task_feeds
from app.gateway.sealing import Sealing
from app.gateway.task_feeds import TaskFeeds
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import ServerCatalog
from app.relay.events import PeerError, Request, Result
from app.relay.tasks import EXTENSION, TaskIds
from app.upstream.errors import UpstreamError
from tests.support.upstreams import raw

SEALING = Sealing(bytes(32))
IDS = TaskIds(SEALING.seal_name, SEALING.unseal)
ABLE = ServerCatalog(capabilities={"extensions": raw({EXTENSION: {}})})
Hears = Callable[[msgspec.Raw], None]


@dataclass
class Server:
    """A server as its feeds see it. `answers` are the ends of its feeds in turn, None for one that lasts."""

    name: str
    answers: list[Result | PeerError | Fault | None] = field(default_factory=lambda: [None])
    era: Era = Era.MODERN
    asked: list[Any] = field(default_factory=list)
    feeds: list[Hears] = field(default_factory=list)
    released: int = 0
    again: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def spec(self) -> Any:
        return SimpleNamespace(name=self.name, pool="auto")

    async def acquire(self, era: Era, key: str) -> "Server":
        assert (era, key) == (Era.MODERN, "")
        return self

    @property
    def connection(self) -> "Server":
        return self

    def release(self) -> None:
        self.released += 1

    async def subscribe(self, request: Request, acknowledged: Hears, of_task: Hears) -> Result | PeerError:
        self.asked.append(msgspec.json.decode(request.params["notifications"])["taskIds"])
        end = self.answers.pop(0)
        if isinstance(end, PeerError):
            return end
        acknowledged(raw({"notifications": {"taskIds": self.asked[-1][:1]}}))
        self.feeds.append(of_task)
        if len(self.feeds) > 1:
            self.again.set()
        if isinstance(end, Fault):
            raise UpstreamError(end)
        await asyncio.get_running_loop().create_future()
        raise AssertionError("it lasts")


class Stage:
    """One listener and its servers."""

    def __init__(self, tasks: asyncio.TaskGroup, *servers: Server) -> None:
        upstreams: dict[str, Any] = {server.name: server for server in servers}
        gateway: Any = SimpleNamespace(tasks=tasks, task_ids=IDS, current=SimpleNamespace(upstreams=upstreams))
        self.view: Any = SimpleNamespace(sources=[SimpleNamespace(server=name, catalog=ABLE) for name in upstreams])
        self.heard: list[tuple[str, str, Any]] = []
        self.upstreams = upstreams
        self.feeds = TaskFeeds(gateway, "ann", lambda *told: self.heard.append(told))


def ours(server: str, own: str, client: str = "ann") -> str:
    return IDS.ours(server, own, client)


async def test_each_server_is_asked_for_its_own_tasks_and_what_it_honours_is_told_under_our_names() -> None:
    one, two = Server("one"), Server("two")
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(tasks, one, two)
        wanted = (
            ours("two", "x"),
            ours("one", "a"),
            ours("one", "b"),
            "nothing",
            ours("one", "c", "bob"),
            ours("gone", "d"),
        )
        honoured = await stage.feeds.open(stage.view, wanted)
        assert honoured == (ours("two", "x"), ours("one", "a"))
        assert (one.asked, two.asked) == ([["a", "b"]], [["x"]])
        one.feeds[0](raw({"taskId": "a", "status": "working"}))
        one.feeds[0](raw({"taskId": "never asked for"}))
        one.feeds[0](raw([]))
        [(server, task, params)] = stage.heard
        assert (server, task, bytes(params["status"])) == ("one", ours("one", "a"), b'"working"')
        stage.feeds.close()
    assert (one.released, two.released) == (1, 1)


async def test_what_a_server_refuses_or_has_in_no_such_form_is_not_honoured() -> None:
    refusing = Server("one", [PeerError(raw({"code": -32601, "message": "no"}))])
    old = Server("two", era=Era.LEGACY)
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(tasks, refusing, old)
        assert await stage.feeds.open(stage.view, (ours("one", "a"), ours("two", "b"))) == ()
        assert await stage.feeds.open(stage.view, ()) == ()
        stage.feeds.close()
    assert (len(refusing.asked), old.asked) == (1, [])


async def test_a_feed_that_broke_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_feeds, "FIRST_DELAY", 0.01)
    server = Server("one", [Fault(Kind.CLOSED, "gone"), None])
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(tasks, server)
        assert await stage.feeds.open(stage.view, (ours("one", "a"),)) == (ours("one", "a"),)
        async with asyncio.timeout(30):
            await server.again.wait()
        server.feeds[1](raw({"taskId": "a"}))
        assert len(stage.heard) == 1
        stage.feeds.close()


async def test_a_feed_that_ended_with_its_server_is_opened_on_the_one_that_took_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_feeds, "FIRST_DELAY", 0.01)
    edited, ended = Server("one"), asyncio.Event()

    class Former(Server):
        async def subscribe(self, request: Request, acknowledged: Hears, of_task: Hears) -> Result | PeerError:
            acknowledged(raw({"notifications": {"taskIds": ["a"]}}))
            await ended.wait()
            raise UpstreamError(Fault(Kind.CLOSED, "stopped"))

    async with asyncio.TaskGroup() as tasks:
        stage = Stage(tasks, Former("one"))
        assert await stage.feeds.open(stage.view, (ours("one", "a"),))
        del stage.upstreams["one"]
        ended.set()
        await asyncio.sleep(0)
        stage.upstreams["one"] = edited
        async with asyncio.timeout(30):
            while not edited.feeds:  # noqa: ASYNC110 - a played server tells nobody
                await asyncio.sleep(0.005)
        edited.feeds[0](raw({"taskId": "a"}))
        assert len(stage.heard) == 1
        stage.feeds.close()
