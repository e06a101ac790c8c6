"""The house of all servers behind one gateway and real nginx, shared by every client's tests."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.interop.house import KEY, House, built
from tests.support.gateway import Gateway, running_gateway
from tests.support.wire import Caller, names

# Seconds until ten servers of four runtimes are up on a small machine.
PATIENCE = 60.0


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with built(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="session")
def gateway(house: House) -> Iterator[Gateway]:
    with running_gateway(house.config, keys={KEY: "visitor"}, edge=True) as running:
        asyncio.run(until_all_are_listed(Caller(running.host, running.port, KEY), list(house.config["mcpServers"])))
        yield running


@pytest.fixture(scope="session")
def endpoint(gateway: Gateway) -> str:
    return gateway.endpoint


async def until_all_are_listed(caller: Caller, servers: list[str]) -> None:
    missing = servers
    try:
        async with asyncio.timeout(PATIENCE):
            while missing:
                listed = names((await caller.ask("tools/list")).result["tools"])
                missing = [server for server in servers if not any(name.startswith(f"{server}__") for name in listed)]
    except TimeoutError:
        raise AssertionError(f"never listed: {missing}") from None
