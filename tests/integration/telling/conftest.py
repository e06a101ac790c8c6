"""One gateway behind nginx over servers that tell: a stdio one, remote ones of either era; and one that does not."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.listeners import NARROW, WIDE, caller
from tests.support.programs import SERVERS, keys_file, listening
from tests.support.wire import Caller, names, until

TELLING = ("near", "old", "new")
KEYS = {
    WIDE: {"client_id": "wide"},
    NARROW: {"client_id": "narrow", "scopes": ["*:touch", "*:say", "*:telling://two"]},
}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    program = [sys.executable, str(SERVERS / "telling.py")]
    env = keys_file(KEYS, tmp_path_factory.mktemp("keys"))
    with listening([*program, "http"], [*program, "http"]) as (old, new):
        config = {
            "near": {"command": program[0], "args": [*program[1:], "stdio"]},
            "old": {"url": f"http://127.0.0.1:{old}/mcp", "era": "legacy"},
            "new": {"url": f"http://127.0.0.1:{new}/mcp", "era": "modern"},
            "deaf": {"command": program[0], "args": [*program[1:], "stdio", "deaf"]},
        }
        with running_gateway({"mcpServers": config}, keys={}, env=env, edge=True) as running:
            asyncio.run(_until_listed(caller(running, "legacy")))
            yield running


async def _until_listed(client: Caller) -> None:
    async def all_are() -> bool:
        listed = names((await client.ask("tools/list")).result["tools"])
        return {f"{name}__touch" for name in (*TELLING, "deaf")} <= set(listed)

    await until(all_are, "every server is listed", 60.0)


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=TELLING)
def server(request: pytest.FixtureRequest) -> str:
    return request.param
