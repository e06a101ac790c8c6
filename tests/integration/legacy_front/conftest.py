"""One gateway behind nginx with a server that can be made to wait, and one that lets go of its streams."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.http_wires import wayward_http
from tests.support.programs import workbench
from tests.support.wire import Caller

KEY = "key-of-ann-0123456789-0123456789"


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    with wayward_http() as url:
        servers = {"a": workbench("a"), "b": workbench("b"), "w": {"url": f"{url}/json"}}
        with running_gateway({"mcpServers": servers}, keys={KEY: "ann"}, edge=True) as running:
            running.wait_until_ready()
            yield running


@pytest.fixture
def client(gateway: Gateway) -> Caller:
    return Caller(gateway.host, gateway.port, KEY)
