"""One gateway behind nginx, over servers whose lists grow: a stdio one, and remote ones of either era."""

import asyncio
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.listeners import NARROW, WIDE, caller
from tests.support.programs import SERVERS, keys_file, listening, workbench
from tests.support.wire import Caller, names, until

GROWING = ("near", "old", "new")
KEYS = {WIDE: {"client_id": "wide"}, NARROW: {"client_id": "narrow", "scopes": ["*:grow", "*:mark*", "bench"]}}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    program = [sys.executable, str(SERVERS / "growing.py")]
    env = keys_file(KEYS, tmp_path_factory.mktemp("keys"))
    with listening([*program, "http"], [*program, "http"]) as (old, new):
        config = {
            "near": {"command": program[0], "args": [*program[1:], "stdio"]},
            "old": {"url": f"http://127.0.0.1:{old}/mcp", "era": "legacy"},
            "new": {"url": f"http://127.0.0.1:{new}/mcp", "era": "modern"},
            "bench": workbench("bench"),
        }
        with running_gateway({"mcpServers": config}, keys={}, env=env, edge=True) as running:
            asyncio.run(_until_listed(caller(running, "legacy")))
            yield running


async def _until_listed(client: Caller) -> None:
    async def all_are() -> bool:
        listed = names((await client.ask("tools/list")).result["tools"])
        return {"bench__whoami"} | {f"{name}__grow" for name in GROWING} <= set(listed)

    await until(all_are, "every server is listed", 60.0)


_numbers = count(1)


@pytest.fixture
def fresh() -> str:
    """The name of a tool that no server has yet."""
    return f"tool{next(_numbers)}"


@pytest.fixture
def mark() -> str:
    """The name of a prompt that no server has yet."""
    return f"mark{next(_numbers)}"


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=GROWING)
def server(request: pytest.FixtureRequest) -> str:
    return request.param
