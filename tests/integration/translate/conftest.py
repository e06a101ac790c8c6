"""A gateway behind nginx with the same server in each era, and clients of every revision."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ann_and_bob import Make, clients_of, keys_of_both
from tests.support.gateway import UNLIMITED, Gateway, running_gateway
from tests.support.programs import SERVERS, listening

POLYGLOT = [sys.executable, "-I", str(SERVERS / "polyglot.py")]
TASKS = {"io.modelcontextprotocol/tasks": {}}
SERVES = {
    "tools": {}, "resources": {}, "prompts": {}, "completions": {},
    "tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}},
    "extensions": TASKS,
}  # fmt: skip


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = {**UNLIMITED, **keys_of_both(tmp_path_factory.mktemp("keys"))}
    serves = {"POLYGLOT_SERVES": json.dumps(SERVES), "POLYGLOT_TTL": "60000", "POLYGLOT_PAGE": "4"}
    with listening(POLYGLOT, POLYGLOT, POLYGLOT, environment=serves) as (modern, legacy, fickle):
        servers: dict[str, Any] = {
            "new": {"url": f"http://127.0.0.1:{modern}/modern", "era": "modern"},
            "mine": {"url": f"http://127.0.0.1:{modern}/modern", "era": "modern", "pool": "session"},
            "old": {"url": f"http://127.0.0.1:{legacy}/legacy", "era": "legacy"},
            "shifting": {"url": f"http://127.0.0.1:{fickle}/modern"},
            "retiring": {"url": f"http://127.0.0.1:{fickle}/both"},
            "pipe": {"command": POLYGLOT[0], "args": [*POLYGLOT[1:], "stdio"], "env": serves},
        }
        with running_gateway({"mcpServers": servers}, keys={}, env=env, edge=True) as running:
            running.wait_until_ready()
            yield running


@pytest.fixture
def client(house: Gateway) -> Make:
    return clients_of(house)
