"""What callers see of the servers, kept until a catalog changes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from app.config.keyring import Keyring
from app.config.snapshot import DisabledServer, ServerSpec, Snapshot, ToolFilter
from app.gateway import generation as module
from app.gateway.generation import Generation
from app.protocol.versions import Era
from app.relay.catalog import Item, ServerCatalog
from app.relay.directory import Listing
from app.relay.policy import Grant
from app.relay.view import View

EVERYTHING = Grant(["*"])


@dataclass
class Listed:
    """A server as the generation sees it."""

    catalog: ServerCatalog | None = None
    version: int = 0
    listeners: list[Callable[["Listed"], None]] = field(default_factory=list)

    def add_listener(self, listener: Callable[["Listed"], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def lists(self, *tools: str) -> None:
        items = tuple(Item(name, {"name": msgspec.Raw(msgspec.json.encode(name))}) for name in tools)
        self.catalog, self.version = ServerCatalog(tools=items), self.version + 1
        for listener in self.listeners:
            listener(self)


def spec(name: str, **more: object) -> ServerSpec:
    return ServerSpec(**{"name": name, "label": name, "kind": "stdio", "prefix": name, **more})


@pytest.fixture
def servers() -> dict[str, Listed]:
    found = {"a": Listed(), "b": Listed()}
    found["a"].lists("x", "secret")
    return found


@pytest.fixture
def generation(servers: dict[str, Listed]) -> Generation:
    specs = (spec("a", tools=ToolFilter(deny=("secret",))), spec("b", prefix="other"))
    return Generation(Snapshot(specs), Keyring(), servers)


def tools(view: View) -> list[str]:
    return [tool["name"] for tool in msgspec.json.decode(view.list_result(Listing.TOOLS, Era.LEGACY))["tools"]]


def test_a_view_is_of_all_servers_in_config_order_without_what_the_config_denies(
    generation: Generation, servers: dict[str, Listed]
) -> None:
    servers["b"].lists("y")
    assert tools(generation.view(EVERYTHING)) == ["a__x", "other__y"]
    assert tools(generation.view(Grant(["b"]))) == ["other__y"]


def test_one_server_alone_has_its_names_unprefixed_and_still_its_rule(
    generation: Generation, servers: dict[str, Listed]
) -> None:
    servers["b"].lists("y")
    assert tools(generation.view(EVERYTHING, "a")) == ["x"]
    assert tools(generation.view(EVERYTHING, "b")) == ["y"]


def test_a_view_is_kept_until_a_catalog_changes(generation: Generation, servers: dict[str, Listed]) -> None:
    before = generation.view(EVERYTHING)
    assert generation.view(Grant(["*"])) is before
    assert generation.view(EVERYTHING, "a") is not before
    servers["b"].lists("y")
    after = generation.view(EVERYTHING)
    assert after is not before
    assert generation.view(EVERYTHING) is after


def test_no_more_views_are_kept_than_there_is_room_for(generation: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VIEWS", 8)
    first = generation.view(EVERYTHING)
    for number in range(8):
        generation.view(Grant([f"a:{number}"]))
    assert generation.view(EVERYTHING) is not first
    assert tools(generation.view(EVERYTHING)) == tools(first)


def test_it_says_what_it_is(generation: Generation) -> None:
    assert repr(generation) == "<Generation 2 servers>"


def test_a_generation_that_was_left_hears_nothing_any_more(generation: Generation, servers: dict[str, Listed]) -> None:
    before = generation.view(EVERYTHING)
    assert generation.specs["b"].prefix == "other"
    generation.leave()
    assert [server.listeners for server in servers.values()] == [[], []]
    servers["a"].lists("z")
    assert generation.view(EVERYTHING) is before


def test_since_when_an_entry_does_not_run_is_kept_for_as_long_as_its_reason_is_the_same() -> None:
    def of(*reasons: str) -> Generation:
        disabled = tuple(DisabledServer(name, name, reason) for name, reason in zip("ab", reasons, strict=True))
        return Generation(Snapshot((), disabled), Keyring(), {})

    first, second = of("no command", "no url"), of("no command", "two urls")
    first.disabled_since = dict.fromkeys(first.disabled_since, 5.0)
    second.follow(first)
    same, other = second.disabled_since.values()
    assert same == 5.0
    assert other > 5.0
