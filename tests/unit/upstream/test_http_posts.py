from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from app.upstream.http_posts import INITIALIZED, Posts
from app.upstream.transport import Outgoing


class Exchanges:
    """Exchanges that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.gates: dict[str, anyio.Event] = {}

    async def __call__(self, message: Outgoing) -> None:
        self.begun.append(message.method)
        gate = self.gates.get(message.method)
        if gate:
            await gate.wait()
        self.ended.append(message.method)


@asynccontextmanager
async def opened(exchanges: Exchanges) -> AsyncIterator[Posts]:
    async with anyio.create_task_group() as tasks:
        posts = Posts(exchanges)
        await posts.open(tasks.start_soon)
        yield posts
        await posts.close()


def message(method: str, ident: int | None = None) -> Outgoing:
    return Outgoing(method, b"{}", ident)


async def test_messages_do_not_wait_for_each_other() -> None:
    exchanges = Exchanges()
    async with opened(exchanges) as posts:
        exchanges.gates["slow"] = anyio.Event()
        assert posts.send(message("slow", 1))
        assert posts.send(message("quick", 2))
        await anyio.wait_all_tasks_blocked()
        assert (exchanges.begun, exchanges.ended) == (["slow", "quick"], ["quick"])


async def test_what_follows_the_handshake_waits_until_it_is_taken() -> None:
    exchanges = Exchanges()
    async with opened(exchanges) as posts:
        taken = exchanges.gates[INITIALIZED] = anyio.Event()
        for each in (message("initialize", 1), message(INITIALIZED), message("list", 2), message("call", 3)):
            posts.send(each)
        await anyio.wait_all_tasks_blocked()
        assert exchanges.begun == ["initialize", INITIALIZED]
        taken.set()
        await anyio.wait_all_tasks_blocked()
        assert exchanges.ended == ["initialize", INITIALIZED, "list", "call"]


async def test_an_abandoned_message_is_cancelled_alone() -> None:
    exchanges = Exchanges()
    async with opened(exchanges) as posts:
        exchanges.gates["slow"] = anyio.Event()
        posts.send(message("slow", 1))
        posts.send(message("slow", 2))
        await anyio.wait_all_tasks_blocked()
        posts.abandon(1)
        posts.abandon(7)
        await anyio.wait_all_tasks_blocked()
        exchanges.gates["slow"].set()
        await anyio.wait_all_tasks_blocked()
        assert exchanges.ended == ["slow"]


async def test_closing_cancels_what_is_under_way_and_takes_nothing_more() -> None:
    exchanges = Exchanges()
    exchanges.gates["slow"] = anyio.Event()
    async with anyio.create_task_group() as tasks:
        posts = Posts(exchanges)
        await posts.close()
        posts = Posts(exchanges)
        await posts.open(tasks.start_soon)
        posts.send(message("slow", 1))
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(30):
            await posts.close()
        assert not posts.send(message("late", 2))
        await posts.close()
    assert (exchanges.begun, exchanges.ended) == (["slow"], [])


async def test_answers_under_way_have_their_time_and_no_more() -> None:
    exchanges = Exchanges()
    async with opened(exchanges) as posts:
        await posts.settled(5)
        exchanges.gates["slow"] = anyio.Event()
        posts.send(message("quick", 1))
        posts.send(message("slow", 2))
        await posts.settled(0.05)
        assert exchanges.ended == ["quick"]
        exchanges.gates["slow"].set()
        with anyio.fail_after(30):
            await posts.settled(60)
        assert exchanges.ended == ["quick", "slow"]
