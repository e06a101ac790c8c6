"""One gateway behind nginx, over servers whose lists grow: a stdio one, and remote ones of either era."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.gateway import Gateway
from tests.support.listeners import NARROW, WIDE
from tests.support.programs import workbench
from tests.support.three_ways import WAYS, reached_in_three_ways

KEYS = {WIDE: {"client_id": "wide"}, NARROW: {"client_id": "narrow", "scopes": ["*:grow", "*:mark*", "bench"]}}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with reached_in_three_ways(
        "growing.py", KEYS, tmp_path_factory.mktemp("keys"), bench=workbench("bench")
    ) as running:
        yield running


_numbers = count(1)


@pytest.fixture
def fresh() -> str:
    """The name of a tool that no server has yet."""
    return f"tool{next(_numbers)}"


@pytest.fixture
def mark() -> str:
    """The name of a prompt that no server has yet."""
    return f"mark{next(_numbers)}"


@pytest.fixture(params=WAYS)
def server(request: pytest.FixtureRequest) -> str:
    return request.param
