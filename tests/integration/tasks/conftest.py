"""A gateway behind nginx, with a server that runs tools as tasks on each wire, and clients of every revision."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import SERVERS, keys_file, listening
from tests.support.wire import Caller

TASKING = [sys.executable, str(SERVERS / "tasking.py")]
ANN, BOB = "key-of-ann-0123456789-0123456789abc", "key-of-bob-0123456789-0123456789abc"
PATIENCE = 15.0
Make = Callable[..., Caller]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = keys_file({ANN: {"client_id": "ann"}, BOB: {"client_id": "bob"}}, tmp_path_factory.mktemp("keys"))
    with listening([*TASKING, "http"]) as (port,):
        piped: dict[str, Any] = {"command": TASKING[0], "args": TASKING[1:]}
        plain = {"TASKING_SERVES": json.dumps({"tools": {}})}
        servers: dict[str, Any] = {
            "pipe": piped,
            "remote": {"url": f"http://127.0.0.1:{port}/mcp"},
            "own": {**piped, "pool": "client"},
            "hurried": {**piped, "timeout": 1, "max_timeout": 3},
            "frail": piped,
            "plain": {**piped, "env": plain},
        }
        with running_gateway({"mcpServers": servers}, keys={}, env=env, edge=True) as running:
            running.wait_until_ready()
            yield running


@pytest.fixture
def client(house: Gateway) -> Make:
    """Makes clients: `client("pipe")` of one server alone, `client()` of all."""

    def make(server: str = "", key: str = ANN, era: str = "modern", **more: Any) -> Caller:
        path = f"/servers/{server}/mcp" if server else "/mcp"
        return Caller(house.host, house.port, key, era, path=path, patience=PATIENCE, **more)

    return make


async def journal(caller: Caller) -> list[str]:
    """What the server was asked, in the session that this client's calls have."""
    return json.loads((await caller.call("journal")).text)
