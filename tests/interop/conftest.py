"""The house of all servers behind one gateway and real nginx, shared by every client's tests."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.interop.house import KEY, House, built
from tests.support.gateway import Gateway, running_gateway
from tests.support.wire import Caller, names, until

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
    listed: list[str] = []

    def missing() -> list[str]:
        return [server for server in servers if not any(name.startswith(f"{server}__") for name in listed)]

    async def nothing_is_missing() -> bool:
        listed[:] = names((await caller.ask("tools/list")).result["tools"])
        return not missing()

    try:
        await until(nothing_is_missing, "every server is listed", PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{error}; missing: {missing()}") from None
