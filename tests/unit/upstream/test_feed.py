"""The feed of changes of a modern server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Request
from app.upstream import feed
from app.upstream.connection import Connection
from app.upstream.errors import HttpRefusal
from tests.support.recorded import RecordedWire

TELLS = {name: msgspec.Raw(b'{"listChanged":true}') for name in ("tools", "resources")}
ACK = b'{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}'
LOST = Fault(Kind.CLOSED, "lost", server="far")


class Server:
    """A modern session, and what its server was asked to tell of."""

    def __init__(self) -> None:
        self.wire = RecordedWire()
        self.connection = self.wire.receiver = Connection(self.wire, "far", remote=True)
        self.connection.adopt(Era.MODERN, "2026-07-28")
        self.changes: list[str] = []
        self.connection.listen(self.changes.append, lambda _: None)

    @property
    def listens(self) -> list[dict[str, Any]]:
        return [message for message in self.wire.messages if message["method"] == "subscriptions/listen"]

    async def has_listened(self, times: int) -> dict[str, Any]:
        with anyio.fail_after(30):
            while len(self.listens) < times:  # noqa: ASYNC110 - a recorded wire tells nobody
                await anyio.sleep(0.005)
        return self.listens[-1]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(feed, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(feed, "LAST_DELAY", 0.01)
    return Server()


@pytest.fixture
async def following(server: Server) -> AsyncIterator[Server]:
    """The server, and somebody who follows it."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(feed.follow(server.connection, TELLS))
        yield server
        task.cancel()


async def test_a_server_is_asked_for_what_it_announces_and_one_feed_is_open(following: Server) -> None:
    server = following
    asked = await server.has_listened(1)
    assert asked["params"]["notifications"] == {"toolsListChanged": True, "resourcesListChanged": True}
    assert server.wire.sent[0].headers["Mcp-Method"] == "subscriptions/listen"
    server.connection.received(ACK)
    server.connection.received(
        json.dumps({"jsonrpc": "2.0", "method": "notifications/resources/list_changed"}).encode()
    )
    assert server.changes == ["", "resources"], "what was missed before the feed opened counts as a change"
    assert len(server.listens) == 1


async def test_the_feed_is_no_call(following: Server) -> None:
    server = following
    await server.has_listened(1)
    assert server.connection.pending == 0
    server.connection.send(Request("tools/call", {}, {}), lambda _: None)
    assert server.connection.pending == 1


@pytest.mark.requirement("feed.again")
@pytest.mark.parametrize("graceful", [True, False])
async def test_a_feed_that_ends_is_opened_again(following: Server, graceful: bool) -> None:
    server = following
    for times in (1, 2, 3):
        ident = (await server.has_listened(times))["id"]
        if graceful:
            server.connection.received(b'{"jsonrpc":"2.0","id":%d,"result":{"resultType":"complete"}}' % ident)
        else:
            server.connection.failed(ident, LOST)


@pytest.mark.parametrize("status", [0, 404, 405, 501])
async def test_a_server_that_refuses_is_left_alone(server: Server, status: int) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(feed.follow, server.connection, TELLS)
        ident = (await server.has_listened(1))["id"]
        if status:
            server.connection.failed(ident, HttpRefusal(Kind.UNREACHABLE, "no", server="far", status=status))
        else:
            server.connection.received(
                b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"Method not found"}}' % ident
            )
    assert len(server.listens) == 1


async def test_a_server_that_cannot_now_is_asked_again(following: Server) -> None:
    server = following
    ident = (await server.has_listened(1))["id"]
    server.connection.failed(ident, HttpRefusal(Kind.UNREACHABLE, "later", server="far", status=503))
    await server.has_listened(2)


async def test_nothing_is_asked_of_a_server_that_announces_nothing_or_is_of_the_other_era(server: Server) -> None:
    await feed.follow(
        server.connection, {"tools": msgspec.Raw(b"{}"), "prompts": msgspec.Raw(b'{"listChanged":false}')}
    )
    server.connection.adopt(Era.LEGACY, "2025-11-25")
    await feed.follow(server.connection, TELLS)
    assert not server.wire.sent


async def test_the_end_of_the_session_ends_it(server: Server) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(feed.follow, server.connection, TELLS)
        await server.has_listened(1)
        server.connection.closed(LOST)
    assert len(server.listens) == 1
