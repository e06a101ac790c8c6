"""Every event comes, with nginx and without; what it adds is for a reader of `scripts/bench`."""

from tests.bench.events import events
from tests.bench.report import promises


def test_all_events_of_a_stream_are_timed() -> None:
    found = events(1, 60)
    assert 0 < found.direct_p50 <= found.direct_p99
    assert 0 < found.nginx_p50 <= found.nginx_p99
    [promise] = [promise for promise in promises([], None, [], timed=found) if "nginx" in promise.text]
    assert promise.value == found.added
    assert promise.bound == 1
