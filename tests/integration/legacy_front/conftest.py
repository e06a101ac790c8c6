"""One gateway behind nginx with a server that can be made to wait."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import workbench
from tests.support.wire import Caller

KEY = "key-of-ann-0123456789-0123456789"


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    config = {"mcpServers": {"a": workbench("a"), "b": workbench("b")}}
    with running_gateway(config, keys={KEY: "ann"}, edge=True) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Caller:
    return Caller(gateway.host, gateway.port, KEY)
