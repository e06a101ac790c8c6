"""The route of `doctor`: on the control socket alone, and nowhere else does it exist."""

import json
from typing import Any

import pytest
from litestar.exceptions import NotFoundException

from app.config.settings import Settings
from app.downstream.authenticators import Authenticator
from app.downstream.callers import Way
from app.downstream.doctor import Doctor
from app.downstream.refusals import Refused
from app.gateway.gateway import Gateway
from tests.unit.downstream.conftest import ANN, KEYRING, key_of
from tests.unit.downstream.wire import scope


async def asked(house: Gateway, way: Way, method: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    doctor = Doctor(lambda: house, Authenticator(Settings(), lambda: KEYRING, lambda _: way))
    await doctor.serve(scope(method, list(headers)), None, send)  # type: ignore[arg-type] - nothing is received
    return json.loads(sent[1]["body"])


async def test_the_operator_is_told_of_every_server(house: Gateway) -> None:
    found = await asked(house, "control", "GET")
    assert [server["name"] for server in found["servers"]] == ["a", "b"]
    assert "client" not in found


async def test_a_named_client_is_told_what_is_hidden_from_it(house: Gateway) -> None:
    found = await asked(house, "control", "GET", (b"x-mcp-client", b"bob"))
    assert found["client"] == {"id": "bob", "scopes": ["b"]}
    a, b = found["servers"]
    assert all("no scope" in tool["hidden"] for tool in a["tools"])
    assert not any(tool["hidden"] for tool in b["tools"])
    with pytest.raises(Refused):
        await asked(house, "control", "GET", (b"x-mcp-client", b"nobody"))


@pytest.mark.parametrize(("way", "method"), [("direct", "GET"), ("edge", "GET"), ("control", "POST")])
async def test_elsewhere_there_is_no_such_path_whatever_the_key(house: Gateway, way: Way, method: str) -> None:
    with pytest.raises(NotFoundException):
        await asked(house, way, method, key_of(ANN))
