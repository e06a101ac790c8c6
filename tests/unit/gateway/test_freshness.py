"""What is left of servers' caching hints in an answer made of several."""

import time
from dataclasses import dataclass, field

import msgspec
import pytest

from app.config.keyring import Key, Keyring, Principal
from app.config.snapshot import ServerSpec, Snapshot
from app.gateway.freshness import hint_for
from app.gateway.generation import Generation
from app.relay.catalog import Hint, ServerCatalog
from app.relay.hints import UNHINTED
from app.relay.policy import Grant
from app.upstream.upstream import State

EVERYTHING = Grant(["*"])
LIST = "tools/list"
NO_CATALOG = ServerCatalog()


@dataclass
class Server:
    """A server as hints see it."""

    catalog: ServerCatalog | None = NO_CATALOG
    state: State = State.READY
    published_at: float = field(default_factory=time.monotonic)
    met_at: float = field(default_factory=time.monotonic)

    def add_listener(self, _: object) -> object:
        return lambda: None


def offering(hint: Hint | None, *capabilities: str) -> ServerCatalog:
    hints = {LIST: hint, "server/discover": hint} if hint else {}
    return ServerCatalog(capabilities=dict.fromkeys(capabilities or ("tools",), msgspec.Raw(b"{}")), hints=hints)


def hint_of(*servers: Server, grants: tuple[Grant, ...] = (), method: str = LIST) -> Hint:
    named = {f"s{number}": server for number, server in enumerate(servers)}
    specs = tuple(ServerSpec(name=name, label=name, kind="stdio", prefix=name) for name in named)
    keys = [Key(bytes([number]), Principal("c", grant), "") for number, grant in enumerate(grants)]
    generation = Generation(Snapshot(specs), Keyring(keys), named)  # pyright: ignore[reportArgumentType]
    return hint_for(generation, generation.view(EVERYTHING), method, "" if method != LIST else "tools")


def test_the_part_that_ages_first_counts_and_what_it_has_aged() -> None:
    long, short = Server(offering(Hint(90_000, public=True))), Server(offering(Hint(60_000, public=True)))
    short.published_at -= 10
    found = hint_of(long, short)
    assert 45_000 < found.ttl <= 50_000
    assert found.public


@pytest.mark.parametrize("state", [State.DEGRADED, State.BACKOFF, State.FAILED, State.STOPPED])
def test_what_a_server_once_said_is_good_for_no_time_while_it_is_not_well(state: State) -> None:
    hinted = offering(Hint(90_000, public=True))
    assert hint_of(Server(hinted), Server(hinted, state)) == UNHINTED


def test_a_server_that_gives_no_hints_or_has_said_nothing_makes_the_whole_careful() -> None:
    hinted = Server(offering(Hint(90_000, public=True)))
    assert hint_of(hinted, Server(offering(None))) == UNHINTED
    assert hint_of(hinted, Server(None)) == UNHINTED
    assert hint_of() == UNHINTED


def test_a_server_that_is_not_in_the_list_does_not_matter() -> None:
    hinted = Server(offering(Hint(90_000, public=True)))
    assert hint_of(hinted, Server(offering(None, "prompts"))).ttl > 80_000
    assert hint_of(hinted, Server(offering(None, "prompts")), method="server/discover") == UNHINTED


def test_where_keys_have_different_rights_it_is_for_nobody_else() -> None:
    hinted = Server(offering(Hint(90_000, public=True)))
    assert hint_of(hinted, grants=(EVERYTHING,)).public
    assert not hint_of(hinted, grants=(EVERYTHING, Grant(["s0:x"]))).public
