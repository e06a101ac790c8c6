"""What health and commands are told: public words, in config order, of what the caller may see."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.config.keys import Principal
from app.gateway.drain import Drain
from app.gateway.generation import Generation
from app.gateway.status import degraded, ready, remarks, server_details
from app.relay.catalog import Item, ServerCatalog
from app.relay.directory import Directory, Source
from app.relay.policy import Grant
from app.upstream.upstream import State
from tests.support.house import eventually, open_house
from tests.support.programs import workbench

ENTRIES: dict[str, Any] = {
    "a": workbench("a"),
    "wrong": {**workbench("wrong"), "headres": {}},
    "broken": {"command": "/nonexistent/server"},
    "z": workbench("z"),
    "off": {**workbench("off"), "disabled": True},
}


@dataclass
class House:
    drain: Drain = field(default_factory=Drain)


def seen(generation: Generation, *scopes: str) -> dict[str, dict[str, Any]]:
    return server_details(generation, Principal("ann", Grant(scopes)))


async def test_servers_are_told_in_config_order_each_with_its_state_and_fault(tmp_path: Path) -> None:
    async with open_house(tmp_path, ENTRIES, wait=False) as gateway:
        for upstream in gateway.current.upstreams.values():
            wanted = State.BACKOFF if upstream.spec.name == "broken" else State.READY
            await eventually(upstream, lambda: upstream.state is wanted)  # noqa: B023
        details = server_details(gateway.current, None)
        assert list(details) == ["a", "wrong", "broken", "z"]
        assert (details["a"]["state"], details["wrong"]["state"]) == ("ready", "disabled")
        assert details["a"]["tools"] > 10
        assert datetime.fromisoformat(details["a"]["since"]).tzinfo is not None
        assert details["broken"]["fault"]
        assert "/nonexistent" not in str(details["broken"])
        assert degraded(details)
        assert list(seen(gateway.current, "z", "a:m*")) == ["a", "z"]
        assert seen(gateway.current, "a:mirror")["a"]["tools"] == 1
        assert not degraded(seen(gateway.current, "a"))
        assert seen(gateway.current) == {}


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({}, False),
        ({"state": "ready"}, False),
        ({"state": "starting"}, False),
        ({"state": "starting", "fault": "exited"}, True),
        ({"state": "backoff", "fault": "exited"}, True),
        ({"state": "stopped"}, True),
        ({"state": "disabled", "fault": "a missing variable"}, True),
    ],
)
def test_a_server_that_failed_degrades_and_one_that_comes_up_does_not(details: dict[str, Any], expected: bool) -> None:
    assert degraded({"a": details} if details else {}) is expected


async def test_a_gateway_is_ready_until_it_stops_and_then_says_so() -> None:
    house = House()
    assert not ready(house)
    house.drain.begin()
    assert ready(house) == "The gateway is stopping."


async def test_an_operator_is_told_which_names_were_lost_and_which_are_long() -> None:
    tools = (Item("x", {}), Item("y" * 50, {}))
    first, second = (Source(server, "", None, ServerCatalog(tools=tools)) for server in ("a", "b"))

    class Listed:
        directory = Directory([first, second])

    told = remarks(Listed())
    assert told[0].startswith("b: x is listed as x_")
    assert any("has 50 characters" in line for line in told)
