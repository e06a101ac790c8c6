"""What health and commands are told: public words, in config order, of what the caller may see."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.config.keyring import Principal
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


def seen(generation: Generation, *scopes: str) -> dict[str, dict[str, Any]]:
    return server_details(generation, Principal("ann", Grant(scopes)))


async def test_servers_are_told_in_config_order_each_with_its_state_and_fault(tmp_path: Path) -> None:
    async with open_house(tmp_path, ENTRIES, wait=False) as gateway:
        for upstream in gateway.current.upstreams.values():
            wanted = State.FAILED if upstream.spec.name == "broken" else State.READY
            await eventually(upstream, lambda: upstream.state is wanted)  # noqa: B023
        details = server_details(gateway.current, None)
        assert list(details) == ["a", "wrong", "broken", "z"]
        assert (details["a"]["state"], details["wrong"]["state"]) == ("ready", "disabled")
        assert details["a"]["tools"] > 10
        for found in details.values():
            assert datetime.fromisoformat(found["since"]).tzinfo is not None
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
        ({"state": "degraded", "fault": "lists nothing"}, True),
        ({"state": "failed", "fault": "exited"}, True),
        ({"state": "stopped"}, True),
        ({"state": "stopped", "idle": True}, False),
        ({"state": "disabled", "fault": "a missing variable"}, True),
    ],
)
def test_a_server_that_failed_degrades_and_one_that_comes_up_does_not(details: dict[str, Any], expected: bool) -> None:
    assert degraded({"a": details} if details else {}) is expected


async def test_a_gateway_is_ready_until_it_stops_and_then_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path, {"a": workbench("a")}) as gateway:
        assert not ready(gateway)
        gateway.drain.begin()
        assert ready(gateway) == "The gateway is stopping."


async def test_a_gateway_is_not_ready_without_the_servers_it_requires(tmp_path: Path) -> None:
    entries = {
        "broken": {"command": "/nonexistent/server", "required": True},
        "wrong": {**workbench("wrong"), "required": True, "era": "stone"},
        "unneeded": {"command": "/nonexistent/server"},
        "good": {**workbench("good"), "required": True},
    }
    async with open_house(tmp_path, entries, wait=False) as gateway:
        assert "Server 'good' is starting." in ready(gateway)
        good, broken = gateway.current.upstreams["good"], gateway.current.upstreams["broken"]
        await eventually(good, lambda: good.state is State.READY)
        await eventually(broken, lambda: broken.state is State.FAILED)
        said = ready(gateway)
        assert "'broken' cannot start" in said
        assert "must be one of auto" in said
        assert "good" not in said
        assert "unneeded" not in said


async def test_a_lazy_server_at_rest_is_listed_healthy_and_ready(tmp_path: Path) -> None:
    entries = {"lazy": {**workbench("lazy"), "start": "lazy", "idle_timeout": 0.2, "required": True}}
    async with open_house(tmp_path, entries) as gateway:
        lazy = gateway.current.upstreams["lazy"]
        await eventually(lazy, lambda: lazy.resting)
        details = server_details(gateway.current, None)
        assert (details["lazy"]["state"], details["lazy"]["idle"]) == ("stopped", True)
        assert details["lazy"]["tools"] > 10
        assert not degraded(details)
        assert not ready(gateway)


async def test_an_operator_is_told_which_names_were_lost_and_which_are_long() -> None:
    tools = (Item("x", {}), Item("y" * 50, {}))
    first, second = (Source(server, "", None, ServerCatalog(tools=tools)) for server in ("a", "b"))

    class Listed:
        directory = Directory([first, second])

    told = remarks(Listed())
    assert told[0].startswith("b: x is listed as x_")
    assert any("has 50 characters" in line for line in told)
