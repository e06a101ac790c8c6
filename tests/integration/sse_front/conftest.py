"""One gateway behind nginx with two servers, for clients of HTTP+SSE."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import keys_file, workbench

ANN = "key-of-ann-0123456789-0123456789"
BOB = "key-of-bob-0123456789-0123456789"
KEYS = {ANN: {"client_id": "ann"}, BOB: {"client_id": "bob", "scopes": ["b"]}}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = keys_file(KEYS, tmp_path_factory.mktemp("keys"))
    config = {"mcpServers": {"a": workbench("a"), "b": workbench("b")}}
    with running_gateway(config, keys={}, env=env, edge=True) as running:
        running.wait_until_ready()
        yield running
