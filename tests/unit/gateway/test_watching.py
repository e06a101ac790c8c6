"""Who hears of which resource, and when a server is asked and told that nobody does."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from app.gateway.watching import Watching
from app.protocol.faults import Fault, Kind

NO = Fault(Kind.METHOD_NOT_FOUND, "no")


class PlayedWatches:
    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.dropped: list[str] = []
        self.listeners: list[Any] = []
        self.refusal: Fault | None = None

    def add_listener(self, listener: Any) -> Any:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def add(self, uri: str) -> Fault | None:
        self.wanted.append(uri)
        await asyncio.sleep(0)
        return self.refusal

    def drop(self, uri: str) -> None:
        self.dropped.append(uri)


class PlayedUpstream:
    def __init__(self) -> None:
        self.watches = PlayedWatches()
        self.resting = False
        self.wanted = asyncio.Event()


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def updated(self, server: str, uri: str) -> None:
        self.heard.append((server, uri))


class Place:
    def __init__(self) -> None:
        self.upstreams: Any = {"a": PlayedUpstream(), "b": PlayedUpstream()}
        self.owned: list[Coroutine[None, None, None]] = []
        self.watching = Watching(lambda: self.upstreams, self.owned.append)

    def watches(self, server: str) -> PlayedWatches:
        return self.upstreams[server].watches

    def says(self, server: str, uri: str) -> None:
        for listener in self.watches(server).listeners:
            listener(uri)


@pytest.fixture
def place() -> Place:
    return Place()


async def test_a_server_that_a_reload_took_away_meanwhile_is_a_fault_and_nobody_waits_for_it(place: Place) -> None:
    found = await place.watching.add("gone", "x", Ear())
    assert isinstance(found, Fault)
    assert (found.kind, found.server, len(place.watching)) == (Kind.CLOSED, "gone", 0)


async def test_those_who_want_to_hear_of_it_hear_of_it_and_nobody_else(place: Place) -> None:
    one, both, none = Ear(), Ear(), Ear()
    assert await place.watching.add("a", "u:1", one) is None
    assert await place.watching.add("a", "u:1", both) is None
    assert await place.watching.add("a", "u:2", both) is None
    assert await place.watching.add("b", "u:1", none) is None
    place.says("a", "u:1")
    place.says("a", "u:2")
    assert one.heard == [("a", "u:1")]
    assert both.heard == [("a", "u:1"), ("a", "u:2")]
    assert none.heard == []
    assert len(place.watches("a").listeners) == 1


async def test_a_server_is_told_when_the_last_one_has_left(place: Place) -> None:
    first, last = Ear(), Ear()
    for ear in (first, last):
        await place.watching.add("a", "u:1", ear)
    place.watching.drop("a", "u:1", first)
    assert place.watches("a").dropped == []
    place.watching.drop("a", "u:1", last)
    place.watching.drop("a", "u:1", last)
    assert place.watches("a").dropped == ["u:1"]
    assert len(place.watching) == 0


async def test_who_is_refused_hears_nothing(place: Place) -> None:
    place.watches("a").refusal = NO
    assert await place.watching.add("a", "u:1", Ear()) == NO
    assert len(place.watching) == 0


async def test_who_gives_up_while_it_waits_holds_nothing(place: Place) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(place.watching.add("a", "u:1", Ear()))
        await asyncio.sleep(0)
        waiting.cancel()
    assert len(place.watching) == 0
    assert place.watches("a").dropped == ["u:1"]


async def test_a_server_at_rest_is_woken(place: Place) -> None:
    place.upstreams["a"].resting = True
    await place.watching.add("a", "u:1", Ear())
    assert place.upstreams["a"].wanted.is_set()


async def test_the_successor_of_a_server_is_asked_and_its_listeners_told_once(place: Place) -> None:
    ear = Ear()
    await place.watching.add("a", "u:1", ear)
    await place.watching.add("b", "u:1", Ear())
    former, successor = place.upstreams["a"], PlayedUpstream()
    place.upstreams = {"a": successor, "b": place.upstreams["b"]}
    place.watching.swapped()
    for work in place.owned:
        await work
    assert former.watches.dropped == ["u:1"]
    assert former.watches.listeners == []
    assert successor.watches.wanted == ["u:1"]
    assert ear.heard == [("a", "u:1")]
    place.upstreams = {"b": place.upstreams["b"]}
    place.watching.swapped()
    assert successor.watches.dropped == ["u:1"]
    place.watching.drop("a", "u:1", ear)
    assert len(place.owned) == 1
