"""The resources of one server that somebody wants to hear of, over all of its lives and in either era."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import PeerError
from app.upstream import watches as module
from app.upstream.connection import Connection
from app.upstream.watches import Watches
from tests.support.recorded import RecordedWire

LISTEN = "subscriptions/listen"
LOST = Fault(Kind.CLOSED, "lost", server="far")


class Server:
    """One session with a server that answers what `replies` says, and acknowledges what `tells` holds."""

    def __init__(self, era: Era, *, refuses: bool = False, tells: set[str] | None = None) -> None:
        self.refuses = refuses
        self.tells = tells
        self.wire = RecordedWire(self.reply)
        self.connection = self.wire.receiver = Connection(self.wire, "far", remote=True)
        self.connection.adopt(era, "2026-07-28" if era is Era.MODERN else "2025-11-25")

    def reply(self, message: dict[str, Any]) -> bytes | None:
        if "id" not in message:
            return None
        if self.refuses:
            return json.dumps(
                {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}
            ).encode()
        if message["method"] != LISTEN:
            return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}).encode()
        wanted = message["params"]["notifications"]["resourceSubscriptions"]
        told = [uri for uri in wanted if self.tells is None or uri in self.tells]
        params = {"_meta": {"io.modelcontextprotocol/subscriptionId": message["id"]},
                  "notifications": {"resourceSubscriptions": told}}  # fmt: skip
        method = "notifications/subscriptions/acknowledged"
        return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()

    def says(self, uri: str) -> None:
        params = {"uri": uri}
        self.connection.received(
            json.dumps({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params}).encode()
        )

    def asked(self, method: str) -> list[Any]:
        return [message["params"].get("uri") for message in self.wire.messages if message["method"] == method]

    @property
    def listens(self) -> list[list[str]]:
        found = [message for message in self.wire.messages if message["method"] == LISTEN]
        return [message["params"]["notifications"]["resourceSubscriptions"] for message in found]


@asynccontextmanager
async def kept(watches: Watches, server: Server) -> AsyncIterator[Server]:
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
        keeping = tasks.create_task(watches.keep(server.connection))
        await asyncio.sleep(0)
        yield server
        keeping.cancel()


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - a recorded wire tells nobody
            await asyncio.sleep(0.005)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def watches(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> Watches:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(module, "LAST_DELAY", 0.01)
    made = Watches("far")
    made.add_listener(heard.append)
    return made


@pytest.fixture(params=list(Era))
def era(request: pytest.FixtureRequest) -> Era:
    return request.param


async def test_what_is_wanted_is_asked_for_once_and_told(watches: Watches, heard: list[str], era: Era) -> None:
    async with kept(watches, Server(era)) as server:
        assert await asyncio.gather(watches.add("a:1"), watches.add("a:1")) == [None, None]
        assert await watches.add("a:1") is None
        if era is Era.LEGACY:
            assert server.asked("resources/subscribe") == ["a:1"]
        else:
            assert server.listens == [["a:1"]]
        server.says("a:1")
        assert heard == ["a:1"]
        assert len(watches) == 1


async def test_what_nobody_wants_any_more_is_given_up(watches: Watches, era: Era) -> None:
    async with kept(watches, Server(era)) as server:
        await watches.add("a:1")
        await watches.add("a:2")
        watches.drop("a:1")
        if era is Era.LEGACY:
            await until(lambda: server.asked("resources/unsubscribe") == ["a:1"])
        else:
            await until(lambda: len(server.listens) == 3)
            assert server.listens == [["a:1"], ["a:1", "a:2"], ["a:2"]]
            await until(lambda: server.asked("notifications/cancelled") and len(server.connection.unasked.feeds) == 1)
        watches.drop("a:2")
        await until(lambda: not server.connection.pending and not server.connection.unasked.feeds)


async def test_a_refusal_is_told_to_who_asked_and_is_not_wanted_any_more(watches: Watches, era: Era) -> None:
    async with kept(watches, Server(era, refuses=True)):
        refusal = await watches.add("a:1")
        assert isinstance(refusal, PeerError)
        assert not watches


async def test_a_modern_server_says_which_of_them_it_tells_of(watches: Watches) -> None:
    async with kept(watches, Server(Era.MODERN, tells={"a:1"})):
        told, untold = await asyncio.gather(watches.add("a:1"), watches.add("a:2"))
        assert told is None
        assert isinstance(untold, Fault)
        assert untold.kind is Kind.METHOD_NOT_FOUND
        assert len(watches) == 1


@pytest.mark.requirement("feed.again")
async def test_a_new_life_of_the_server_is_asked_again_and_tells_once_of_each(
    watches: Watches, heard: list[str], era: Era
) -> None:
    async with kept(watches, Server(era)):
        await watches.add("a:1")
    assert heard == []
    async with kept(watches, Server(era)) as second:
        await until(lambda: heard)
        assert await watches.add("a:2") is None
        assert heard == ["a:1"]
        if era is Era.LEGACY:
            assert second.asked("resources/subscribe") == ["a:1", "a:2"]


async def test_a_modern_feed_that_breaks_is_opened_again_and_told_of_once(watches: Watches, heard: list[str]) -> None:
    async with kept(watches, Server(Era.MODERN)) as server:
        await watches.add("a:1")
        feed = next(iter(server.connection.unasked.feeds))
        server.connection.failed(feed, LOST)
        await until(lambda: len(server.listens) == 2)
        assert heard == ["a:1"]


async def test_a_legacy_stream_that_is_back_counts_as_a_change_of_each(watches: Watches, heard: list[str]) -> None:
    async with kept(watches, Server(Era.LEGACY)) as server:
        await asyncio.gather(watches.add("a:1"), watches.add("a:2"))
        server.connection.received(b'{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}')
        assert sorted(heard) == ["a:1", "a:2"]


async def test_a_server_that_is_not_there_is_waited_for_but_not_for_ever(
    watches: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(watches.add("a:1"))
        await asyncio.sleep(0)
        async with kept(watches, Server(Era.LEGACY)):
            assert await waiting is None
    monkeypatch.setattr(module, "LIMIT", 0.01)
    late = await watches.add("a:2")
    assert isinstance(late, Fault)
    assert late.kind is Kind.TIMEOUT
    assert len(watches) == 1
