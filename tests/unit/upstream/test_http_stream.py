import pytest

from app.upstream.http_stream import pause


@pytest.mark.parametrize(
    ("retry", "delay", "seconds"), [(None, 3.0, 3.0), (1500, 3.0, 1.5), (0, 3.0, 0.05), (10_000_000, 3.0, 60.0)]
)
def test_the_server_says_when_to_come_back_within_bounds(retry: int | None, delay: float, seconds: float) -> None:
    assert pause(retry, delay) == seconds
