"""One gateway behind nginx over servers that tell: a stdio one, remote ones of either era; and one that does not."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway
from tests.support.listeners import NARROW, WIDE
from tests.support.three_ways import WAYS, program, reached_in_three_ways

KEYS = {
    WIDE: {"client_id": "wide"},
    NARROW: {"client_id": "narrow", "scopes": ["*:touch", "*:say", "*:telling://two"]},
}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with reached_in_three_ways(
        "telling.py", KEYS, tmp_path_factory.mktemp("keys"), deaf=program("telling.py", "deaf")
    ) as running:
        yield running


@pytest.fixture(params=WAYS)
def server(request: pytest.FixtureRequest) -> str:
    return request.param
