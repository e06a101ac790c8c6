"""One gateway behind nginx, and one without, for all bad-input tests: both must keep the same promises."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.bad_input.cast import CONFIG, ENVIRONMENT, KEY, KEYS, MakeCaller
from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import keys_file
from tests.support.wire import Caller, fresh_address


@pytest.fixture(scope="session", params=["nginx", "direct"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = {**ENVIRONMENT, **keys_file(KEYS, tmp_path_factory.mktemp("keys"))}
    with running_gateway(CONFIG, keys={}, env=env, edge=request.param == "nginx") as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def client(gateway: Gateway) -> MakeCaller:
    """Makes clients of the gateway: `client(era, key=…)`, each with an address of its own: many use wrong keys."""

    def make(era: str = "legacy", key: str | None = KEY, **more: Any) -> Caller:
        return Caller(gateway.host, gateway.port, key, era, source=fresh_address(), **more)

    return make
