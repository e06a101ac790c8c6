from app.protocol.faults import Fault, Kind
from app.upstream.breaker import TRIPS, Breaker
from app.upstream.errors import HttpRefusal

DOWN = Fault(Kind.UNREACHABLE, "down")


def test_failures_in_a_row_open_the_circuit_and_an_answer_in_between_does_not_count_on() -> None:
    breaker = Breaker()
    breaker.failed(DOWN, TRIPS - 1)
    assert not breaker.tripped.is_set()
    breaker.failed(DOWN, TRIPS)
    assert breaker.tripped.is_set()
    assert breaker.fault is DOWN
    assert repr(breaker) == "<Breaker down>"
    breaker.failed(Fault(Kind.CLOSED, "later"), TRIPS + 1)
    assert breaker.fault is DOWN, "the first one tells"


def test_a_retry_after_opens_it_at_once() -> None:
    breaker = Breaker()
    breaker.failed(HttpRefusal(Kind.BUSY, "slow down", status=429), 1)
    assert not breaker.tripped.is_set()
    breaker.failed(HttpRefusal(Kind.BUSY, "slow down", status=429, retry_after=3.0), 1)
    assert breaker.tripped.is_set()


def test_what_speaks_of_one_request_alone_does_not_open_it() -> None:
    breaker = Breaker()
    breaker.failed(HttpRefusal(Kind.PROTOCOL, "no such path", status=404), 100)
    assert not breaker.tripped.is_set()
    # Each of one client's calls that met the end of its session: the next one opens another.
    breaker.failed(Fault(Kind.CLOSED, "has ended the session", unsent=True), 100)
    assert not breaker.tripped.is_set()


def test_it_can_be_made_whole() -> None:
    breaker = Breaker()
    breaker.failed(DOWN, TRIPS)
    breaker.closed_again()
    assert not breaker.tripped.is_set()
    assert repr(breaker) == "<Breaker closed>"
