"""A gateway behind nginx, with a server that runs tools as tasks on each wire, and clients of every revision."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ann_and_bob import Make, clients_of, keys_of_both
from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import SERVERS, listening
from tests.support.wire import Caller

TASKING = [sys.executable, str(SERVERS / "tasking.py")]
PATIENCE = 15.0


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = keys_of_both(tmp_path_factory.mktemp("keys"))
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
    return clients_of(house, patience=PATIENCE)


async def journal(caller: Caller) -> list[str]:
    """What the server was asked, in the session that this client's calls have."""
    return json.loads((await caller.call("journal")).text)
