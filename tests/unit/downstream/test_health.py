"""The health routes: little without a key, everything the caller may see with one."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.config.keyring import Principal
from app.config.settings import Settings
from app.downstream.authenticators import Authenticator
from app.downstream.health import Health, health_controller
from app.downstream.refusals import Refused
from app.gateway.edits import Problem
from app.gateway.gateway import Gateway
from app.protocol.faults import Fault, Kind
from app.relay.policy import Grant
from tests.unit.downstream.conftest import ANN, BOB, KEYRING, key_of
from tests.unit.downstream.wire import scope


def request(*headers: tuple[bytes, bytes]) -> Any:
    found = scope("GET", list(headers))
    return SimpleNamespace(scope=found, headers={name.decode(): value for name, value in headers})


def health(house: Gateway, *, auth_disabled: bool = False) -> Health:
    return Health(
        lambda: house, Authenticator(Settings(), lambda: KEYRING, lambda _: "direct"), auth_disabled=auth_disabled
    )


async def test_without_a_key_it_says_that_it_lives_and_no_more(house: Gateway) -> None:
    assert health(house).overview(None) == {"status": "healthy", "service": "mcp-proxy"}


async def test_with_a_key_it_names_the_servers_that_the_key_reaches(house: Gateway) -> None:
    seen = health(house).overview(ANN)
    assert (seen["status"], seen["servers"]) == ("healthy", ["a", "b"])
    assert seen["details"]["b"]["state"] == "ready"
    assert health(house).overview(BOB)["servers"] == ["b"]


async def test_a_server_that_is_down_degrades_it_for_those_who_see_that_server(house: Gateway) -> None:
    upstream = house.current.upstreams["a"]
    upstream.enter(upstream.state.BACKOFF, Fault(Kind.CLOSED, "gone", server="a"))
    assert health(house).overview(None)["status"] == "degraded"
    assert health(house).overview(ANN)["status"] == "degraded"
    assert health(house).overview(BOB)["status"] == "healthy"


async def test_it_says_when_keys_are_off(house: Gateway) -> None:
    assert health(house, auth_disabled=True).overview(None)["auth"] == "disabled"


async def test_a_wrong_key_is_refused_and_none_is_nobody(house: Gateway) -> None:
    assert health(house).caller(request()) is None
    assert health(house).caller(request(key_of(ANN))) is ANN
    for wrong in (b"Bearer wrong", b"Basic abc", b""):
        with pytest.raises(Refused):
            health(house).caller(request((b"authorization", wrong)))


async def test_a_gateway_that_stops_is_not_ready_and_says_why_to_those_with_a_key(house: Gateway) -> None:
    assert health(house).readiness(None) == (200, {"status": "ready"})
    house.drain.begin()
    assert health(house).readiness(None) == (503, {"status": "not ready"})
    assert health(house).readiness(ANN) == (503, {"status": "not ready", "reason": "The gateway is stopping."})


async def test_there_are_three_routes(house: Gateway) -> None:
    assert health_controller(health(house)).path == "/health"


async def test_a_rejected_edit_degrades_it_and_its_reason_is_for_those_who_see_every_server(house: Gateway) -> None:
    house.edits.files["config"] = Problem("mcp_config.json:3: mcpServers.a.evn: is not a key of ours")
    assert health(house).overview(None) == {"status": "degraded", "service": "mcp-proxy"}
    seen = health(house).overview(ANN)
    assert seen["status"] == "degraded"
    assert seen["reload"]["config"]["reason"].startswith("mcp_config.json:3")
    limited = health(house).overview(BOB)
    assert (limited["status"], "reload" in limited) == ("healthy", False)


async def test_a_rejected_server_is_shown_beside_the_one_that_serves(house: Gateway) -> None:
    house.edits.servers["a"] = Problem("cannot start")
    seen = health(house).overview(ANN)
    assert (seen["status"], seen["details"]["a"]["state"]) == ("degraded", "ready")
    assert seen["details"]["a"]["rejected"]["reason"] == "cannot start"
    assert health(house).overview(BOB)["status"] == "healthy"


async def test_what_runs_is_told_to_operators_alone_and_without_its_contents(house: Gateway) -> None:
    assert "running" not in health(house).overview(ANN)
    running = health(house).overview(Principal("root", Grant(["*", "@admin"])))["running"]
    assert list(running) == ["a", "b"]
    assert [len(part) for part in running["a"]] == [16, 16, 1]
