"""Which requests take the short way, and that it is no way around a guard."""

from typing import Any

import pytest

from app.config.keyring import Principal
from app.downstream.guards import known_principal
from app.downstream.lane import with_lane
from app.relay.policy import Grant
from tests.unit.downstream.wire import Wire, scope

ANN = Principal("ann", Grant(["*"]))


async def taken(admitted: Principal | None, **given: Any) -> str:
    """Which way a request takes."""
    way: list[str] = []

    async def long(scope: Any, receive: Any, send: Any) -> None:
        way.append("long")

    async def post(scope: Any, receive: Any, send: Any, principal: Principal) -> None:
        assert known_principal(scope) is principal is ANN
        way.append("short")

    wire, asked = Wire(), scope(given.pop("method", "POST"), **given)
    await with_lane(long, post, lambda _: admitted)(asked, wire.receive, wire.send)
    return way[0]


async def test_a_post_of_a_known_caller_takes_the_short_way() -> None:
    assert await taken(ANN, path="/mcp") == "short"


@pytest.mark.parametrize(
    ("admitted", "given"),
    [
        (None, {"path": "/mcp"}),
        (ANN, {"path": "/mcp/"}),
        (ANN, {"path": "/servers/a/mcp"}),
        (ANN, {"path": "/mcp", "method": "GET"}),
        (ANN, {"path": "/mcp", "method": "OPTIONS"}),
        (ANN, {"path": "/mcp", "type": "lifespan"}),
    ],
)
async def test_everything_else_goes_where_guards_decide(admitted: Principal | None, given: dict[str, Any]) -> None:
    assert await taken(admitted, **given) == "long"
