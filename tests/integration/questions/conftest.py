"""One gateway behind nginx for all tests of questions, and the servers that ask."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.questions.cast import ANN, KEYS
from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import SERVERS, keys_file, listening, workbench
from tests.support.wire import Caller, until

LEGACY = [sys.executable, str(SERVERS / "asking_legacy.py")]
MODERN = [sys.executable, str(SERVERS / "sdk2_asking.py")]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = keys_file(KEYS, tmp_path_factory.mktemp("keys"))
    with listening([*LEGACY, "http"], [*LEGACY, "http", "aside"], MODERN) as (remote, aside, modern):
        legacy: dict[str, Any] = {"command": LEGACY[0], "args": LEGACY[1:]}
        servers: dict[str, Any] = {
            "files": legacy,
            "rooted": {**legacy, "roots": True, "env": {"ASKING_ROOTS": "1"}},
            "only": {**legacy, "pool": "one"},
            "own": {**legacy, "pool": "session"},
            "remote": {"url": f"http://127.0.0.1:{remote}/mcp"},
            "aside": {"url": f"http://127.0.0.1:{aside}/mcp"},
            "modern": {"url": f"http://127.0.0.1:{modern}/mcp", "era": "modern"},
            "bench": workbench("bench"),
        }
        with running_gateway({"mcpServers": servers}, keys={}, env=env, edge=True) as running:
            yield running


@pytest.fixture(autouse=True)
async def listed(house: Gateway) -> None:
    async def all_there() -> bool:
        tools = (await Caller(house.host, house.port, ANN).ask("tools/list")).result["tools"]
        return {tool["name"].partition("__")[0] for tool in tools} >= {
            "files", "rooted", "only", "own", "remote", "aside", "modern", "bench"
        }  # fmt: skip

    await until(all_there, "all servers are listed", 60)
