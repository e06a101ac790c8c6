"""Where a request comes from."""

import time

from app.downstream.origin import Origin
from tests.unit.downstream.conftest import ANN
from tests.unit.downstream.wire import scope


def test_an_origin_knows_when_it_began() -> None:
    before = time.perf_counter()
    origin = Origin(scope(), ANN)  # type: ignore[arg-type] - a played scope has what is read of one
    assert before <= origin.began <= time.perf_counter()
    assert (origin.only, origin.principal) == ("", ANN)
