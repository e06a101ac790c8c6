"""Who is told that a list has changed, and how often."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from app.config.keyring import Keyring, Principal
from app.config.snapshot import ServerSpec, Snapshot
from app.gateway import broadcast as module
from app.gateway.broadcast import KINDS, Broadcast
from app.gateway.generation import Generation
from app.gateway.subscription import End, Subscription
from app.protocol.versions import Era
from app.relay.catalog import Item, ServerCatalog
from app.relay.listen import News
from app.relay.policy import Grant
from tests.unit.gateway.test_generation import Listed as ListedServer
from tests.unit.gateway.test_generation import spec

ANN = Principal("ann", Grant(["*"]))
BOB = Principal("bob", Grant(["b"]))


class Listed(ListedServer):
    """A server as the broadcast sees it."""

    refreshed = 0
    spec: ServerSpec
    on_unseen: Callable[[set[str]], None]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.spec = spec(name)

    def add_listener(self, listener):  # type: ignore[no-untyped-def] # as the upstream's
        super().add_listener(listener)
        return lambda: self.listeners.remove(listener)

    def refresh_if_older_than(self, seconds: float) -> None:
        self.refreshed += 1

    def offers(self, **kinds: list[str]) -> None:
        def item(name: str) -> Item:
            return Item(name, {"name": msgspec.Raw(msgspec.json.encode(name))})

        found = {kind: tuple(item(name) for name in names) for kind, names in kinds.items()}
        self.catalog, self.version = ServerCatalog(**found), self.version + 1
        self.stir()

    def stir(self) -> None:
        """A change of state."""
        for listener in self.listeners:
            listener(self)


@pytest.fixture
def servers() -> dict[str, Listed]:
    return {name: Listed(name) for name in ("a", "b")}


@pytest.fixture
async def broadcast(servers: dict[str, Listed]) -> AsyncIterator[Broadcast]:
    generation = Generation(Snapshot((spec("a"), spec("b"))), Keyring(), servers)
    broadcast = Broadcast(generation.view)
    broadcast.watch(servers.values())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(broadcast.run())
        yield broadcast
        running.cancel()


async def told(subscription: Subscription) -> News:
    async with asyncio.timeout(30):
        return await anext(subscription)


async def settled() -> None:
    """Two looks are over."""
    await asyncio.sleep(module.COALESCE * 2.5)


async def nothing(subscription: Subscription) -> bool:
    await settled()
    return not subscription._pending


async def test_a_listener_is_told_of_the_kinds_of_its_own_lists_that_changed(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    ann, bob = broadcast.subscribe(ANN), broadcast.subscribe(BOB)
    servers["a"].offers(tools=["x"], resources=["u"])
    assert [await told(ann), await told(ann)] == ["tools", "resources"]
    assert await nothing(bob)
    servers["b"].offers(prompts=["y"])
    assert [await told(ann), await told(bob)] == ["prompts", "prompts"]


async def test_templates_are_resources_and_a_kind_nobody_asked_for_is_not_told(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    resources = broadcast.subscribe(ANN, kinds=["resources"])
    tools = broadcast.subscribe(ANN, kinds=["tools"])
    servers["a"].offers(templates=["t://{x}"])
    assert await told(resources) == "resources"
    assert await nothing(tools)


async def test_one_servers_path_hears_of_that_server_alone(broadcast: Broadcast, servers: dict[str, Listed]) -> None:
    at_a, at_b = broadcast.subscribe(ANN, "a"), broadcast.subscribe(ANN, "b")
    servers["b"].offers(tools=["x"])
    assert await told(at_b) == "tools"
    assert await nothing(at_a)


async def test_the_same_list_again_and_a_change_of_state_tell_nobody(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    servers["a"].offers(tools=["x"])
    ann = broadcast.subscribe(ANN)
    servers["a"].offers(tools=["x"])
    servers["a"].stir()
    assert await nothing(ann)
    servers["a"].offers(tools=["y"])
    servers["a"].offers(tools=["x"])
    assert await nothing(ann), "back before anybody looked"


async def test_a_storm_of_changes_is_one_per_look_and_the_last_one_counts(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    ann = broadcast.subscribe(ANN)
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    heard: list[float] = []
    while loop.time() < began + 1.0:
        servers["a"].offers(tools=[f"x{number}"])
        number += 1
        await asyncio.sleep(0.01)
        if ann._pending:
            assert await told(ann) == "tools"
            heard.append(loop.time())
    assert 2 <= len(heard) <= 6
    await settled()
    assert not ann._pending or await told(ann) == "tools"
    assert ann.seen["tools"] == broadcast._digest(ann.audience, "tools")


async def test_a_reader_that_is_slow_is_told_once_of_many_changes(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    ann = broadcast.subscribe(ANN)
    for number in range(3):
        servers["a"].offers(tools=[f"x{number}"])
        await settled()
    assert await told(ann) == "tools"
    assert await nothing(ann)


async def test_a_list_is_rendered_once_for_all_who_see_the_same(
    broadcast: Broadcast, servers: dict[str, Listed], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[object] = []
    original = module.blake2b
    monkeypatch.setattr(module, "blake2b", lambda **more: rendered.append(1) or original(**more))
    everybody = [broadcast.subscribe(ANN, kinds=["tools"], era=era) for era in Era for _ in range(50)]
    assert len(rendered) == len(Era)
    servers["a"].offers(tools=["x"])
    for subscription in everybody:
        assert await told(subscription) == "tools"
    assert len(rendered) == 2 * len(Era)


async def test_another_set_of_servers_is_a_change_and_those_gone_are_heard_no_more(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    fresh = Listed("b")
    broadcast.watch([servers["a"], fresh])  # type: ignore[list-item] # played upstreams
    assert [len(servers["a"].listeners), len(servers["b"].listeners), len(fresh.listeners)] == [2, 1, 1]
    broadcast.watch([])
    assert [len(server.listeners) for server in (*servers.values(), fresh)] == [1, 1, 0]


async def test_a_revoked_key_ends_its_streams_and_the_end_of_everything_the_others(broadcast: Broadcast) -> None:
    ann, bob = broadcast.subscribe(ANN), broadcast.subscribe(BOB)
    broadcast.revoke(lambda principal: principal is BOB)
    broadcast.end(End.DRAINED)
    assert (ann.over, bob.over) == (End.REVOKED, End.DRAINED)


async def test_a_stream_ends_once_its_key_counts_no_more(broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch) -> None:
    who: list[Principal | None] = [ANN]
    ann = broadcast.subscribe(ANN, renew=lambda: who[0])
    waiting = asyncio.ensure_future(told(ann))  # noqa: TID251 - awaited below
    who[0] = None
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert ann.over is End.REVOKED
    broadcast.leave(ann)
    assert len(broadcast) == 0


async def test_a_listener_whose_scopes_are_edited_is_told_what_that_changed(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    servers["a"].offers(tools=["x"])
    servers["b"].offers(prompts=["y"])
    narrower = Principal("ann", Grant(["b"]))
    ann = broadcast.subscribe(ANN, renew=lambda: narrower)
    assert await told(ann) == "tools"
    assert ann.principal is narrower
    assert await nothing(ann)


async def test_a_bug_met_with_one_listener_is_logged_and_the_others_are_told_on(
    broadcast: Broadcast, servers: dict[str, Listed], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Principal:
        raise RuntimeError("no keys today")

    bad, good = broadcast.subscribe(Principal("bad", Grant(["a:x"]))), broadcast.subscribe(ANN)
    view = broadcast._view
    monkeypatch.setattr(broadcast, "_view", lambda grant, only: view(grant, only) if grant is ANN.grant else 1 / 0)
    for names in (["x"], ["x", "y"]):
        servers["a"].offers(tools=names)
        assert await told(good) == "tools"
    bad.renew = broken
    async with asyncio.timeout(30):
        with pytest.raises(StopAsyncIteration):
            await anext(bad)
    assert bad.over is End.REVOKED
    servers["a"].offers(tools=["z"])
    assert await told(good) == "tools"
    assert "ZeroDivisionError" in caplog.text
    assert "no keys today" in caplog.text


async def test_servers_are_asked_anew_while_somebody_listens(broadcast: Broadcast, servers: dict[str, Listed]) -> None:
    broadcast._refresh()
    assert servers["a"].refreshed == 0
    broadcast.subscribe(ANN)
    broadcast._refresh()
    assert servers["a"].refreshed == 1
    assert repr(broadcast) == "<Broadcast 1 subscriptions>"
    assert KINDS == ("tools", "prompts", "resources")


async def test_what_changes_while_a_listener_is_away_is_told_when_it_is_back(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    ann = broadcast.subscribe(ANN)
    ann.end(End.DISCONNECTED)
    broadcast.leave(ann)
    broadcast.keep(ann)
    servers["a"].offers(tools=["x"])
    assert await told(ann) == "tools"
    ann.end(End.SESSION)
    assert len(broadcast) == 0
    async with asyncio.timeout(30):
        await ann.ended()


async def test_a_change_that_no_list_shows_is_told_to_who_asked_that_server_by_name_and_may_use_all_of_it(
    broadcast: Broadcast, servers: dict[str, Listed]
) -> None:
    of_a, of_b, of_all = broadcast.subscribe(ANN, "a"), broadcast.subscribe(ANN, "b"), broadcast.subscribe(ANN)
    partly = broadcast.subscribe(Principal("eve", Grant(["a:x"])), "a")
    prompts = broadcast.subscribe(ANN, "a", ("prompts",))
    servers["a"].on_unseen({"tools"})
    assert await told(of_a) == "tools"
    for other in (of_b, of_all, partly, prompts):
        other.end(End.DRAINED)
        assert [kind async for kind in other] == []
