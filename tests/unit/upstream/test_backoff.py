import pytest

from app.protocol.faults import Fault, Kind
from app.upstream.backoff import BURST, HEALTHY_AFTER, Backoff, Pause
from app.upstream.errors import HttpRefusal, SessionLost
from tests.support.clock import Clock

DOWN = Fault(Kind.UNREACHABLE, "down")


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def backoff(clock: Clock) -> Backoff:
    return Backoff(clock, lambda: 0.0)


def test_delays_double_up_to_half_a_minute(backoff: Backoff, clock: Clock) -> None:
    pauses = []
    for _ in range(8):
        backoff.started()
        clock.now += 5
        pauses.append(backoff.ended(DOWN, 0.0))
    assert pauses == [Pause(seconds) for seconds in (0.5, 1, 2, 4, 8, 16, 30, 30)]
    assert backoff.delay(5000) == 30


def test_ten_seconds_of_health_forget_the_failures(backoff: Backoff, clock: Clock) -> None:
    for _ in range(3):
        backoff.started()
        clock.now += 5
        backoff.ended(DOWN, 0.0)
    assert backoff.ended(DOWN, HEALTHY_AFTER) == Pause(0)
    assert backoff.ended(DOWN, HEALTHY_AFTER - 0.1) == Pause(0.5)


def test_the_fifth_start_within_ten_seconds_trips_and_one_failed_probe_trips_again(
    backoff: Backoff, clock: Clock
) -> None:
    found = Pause(0)
    for _ in range(BURST):
        backoff.started()
        found = backoff.ended(DOWN, 0.0)
        clock.now += 1
    assert found == Pause(60, failed=True)
    clock.now += 60
    backoff.started()
    assert backoff.ended(DOWN, 3.0) == Pause(60, failed=True)
    backoff.started()
    assert backoff.ended(DOWN, HEALTHY_AFTER) == Pause(0)
    assert not backoff.tripped


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_and_what_cannot_start_wait_a_minute(backoff: Backoff, status: int) -> None:
    assert backoff.ended(HttpRefusal(Kind.UNREACHABLE, "no", status=status), 100.0) == Pause(60, failed=True)
    assert backoff.ended(DOWN, 0.0, hopeless=True) == Pause(60, failed=True)


def test_a_lost_session_is_opened_again_at_once_but_not_for_ever(backoff: Backoff) -> None:
    lost = SessionLost(Kind.CLOSED, "lost")
    assert backoff.ended(lost, 0.1) == Pause(0)
    assert backoff.ended(lost, 0.1) == Pause(1)


def test_what_a_server_asks_for_is_honoured_within_five_minutes(backoff: Backoff) -> None:
    assert backoff.ended(HttpRefusal(Kind.BUSY, "later", status=503, retry_after=7.0), 100.0) == Pause(7)
    assert backoff.ended(HttpRefusal(Kind.BUSY, "later", status=503, retry_after=9e9), 0.0) == Pause(300)


def test_jitter_adds_up_to_a_quarter(clock: Clock) -> None:
    backoff = Backoff(clock, lambda: 1.0)
    assert backoff.ended(DOWN, 0.0) == Pause(0.625)
    assert repr(backoff) == "<Backoff failures=1>"
