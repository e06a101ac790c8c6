"""One gateway behind nginx for all relay tests, and clients of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.gateway import running_gateway

from tests.integration.relay.cast import CONFIG, KEYS, WIDE, MakeCaller
from tests.support.wire import Caller


@pytest.fixture(scope="session")
def gateway() -> Iterator[Any]:
    with running_gateway(CONFIG, keys=KEYS, edge=True) as running:
        yield running


@pytest.fixture
def client(gateway: Any) -> MakeCaller:
    """Makes clients of the shared gateway: `client(key, era)`."""

    def make(key: str | None = WIDE, era: str = "legacy", **more: Any) -> Caller:
        return Caller(gateway.host, gateway.port, key, era, **more)

    return make


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    return request.param
