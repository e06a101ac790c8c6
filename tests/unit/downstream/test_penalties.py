"""Failures are counted per address, in a table that does not grow."""

from app.downstream.penalties import AT_ONCE, MOST_ADDRESSES, PER_SECOND, Penalties


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def spent(penalties: Penalties, address: str) -> float:
    """Fail until it is said to wait."""
    for _ in range(AT_ONCE):
        assert penalties.fail(address) is None
    wait = penalties.fail(address)
    assert wait is not None
    return wait


def test_after_so_many_failures_an_address_waits_and_what_is_refused_does_not_make_it_longer() -> None:
    clock = Clock()
    penalties = Penalties(clock)
    wait = spent(penalties, "192.0.2.1")
    assert wait == 1 / PER_SECOND
    assert [penalties.fail("192.0.2.1") for _ in range(100)] == [wait] * 100
    clock.now += wait
    assert penalties.fail("192.0.2.1") is None
    assert penalties.fail("192.0.2.1") is not None


def test_after_a_minute_everything_is_forgiven_and_never_more() -> None:
    clock = Clock()
    penalties = Penalties(clock)
    for _ in range(2):
        spent(penalties, "192.0.2.1")
        clock.now += 600


def test_another_address_is_not_concerned() -> None:
    penalties = Penalties(Clock())
    spent(penalties, "192.0.2.1")
    assert penalties.fail("192.0.2.2") is None


def test_of_ipv6_a_whole_network_is_one_address() -> None:
    penalties = Penalties(Clock())
    spent(penalties, "2001:db8::1")
    assert penalties.fail("2001:db8::ffff:2") is not None
    assert penalties.fail("2001:db8:0:1::1") is None
    spent(penalties, "::ffff:192.0.2.1")
    assert penalties.fail("::ffff:192.0.2.2") is None


def test_the_table_is_bounded_and_what_is_no_address_is_counted_as_one() -> None:
    penalties = Penalties(Clock())
    for number in range(MOST_ADDRESSES + 100):
        penalties.fail(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert repr(penalties) == f"<Penalties {MOST_ADDRESSES} addresses>"
    spent(penalties, "nonsense")
    assert penalties.fail("") is not None
