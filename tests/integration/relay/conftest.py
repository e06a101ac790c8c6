"""One gateway behind nginx for all relay tests, and clients of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.relay.cast import CONFIG, KEYS, WIDE, MakeCaller
from tests.support.gateway import UNLIMITED, Gateway, running_gateway
from tests.support.programs import keys_file
from tests.support.wire import Caller


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = {**UNLIMITED, **keys_file(KEYS, tmp_path_factory.mktemp("keys"))}
    with running_gateway(CONFIG, keys={}, env=env, edge=True) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def client(gateway: Gateway) -> MakeCaller:
    """Makes clients of the shared gateway: `client(key, era)`."""

    def make(key: str | None = WIDE, era: str = "legacy", **more: Any) -> Caller:
        return Caller(gateway.host, gateway.port, key, era, **more)

    return make
