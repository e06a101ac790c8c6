"""The address of who calls, by the way a request came."""

import pytest

from app.downstream.callers import Way, address_rule
from tests.unit.downstream.wire import scope

LOUD = [
    (b"x-real-ip", b"192.0.2.1"),
    (b"x-forwarded-for", b"198.51.100.9, 192.0.2.2"),
    (b"x-forwarded-for", b"10.1.1.1"),
    (b"cf-connecting-ip", b"192.0.2.3"),
    (b"forwarded", b"for=192.0.2.4"),
]


@pytest.mark.parametrize(
    ("way", "trusted", "expected"),
    [
        ("edge", (), "192.0.2.1"),
        ("edge", ("10.0.0.0/8",), "192.0.2.1"),
        ("direct", (), "10.9.9.9"),
        ("direct", ("172.16.0.0/12",), "10.9.9.9"),
        ("direct", ("10.9.9.9/32",), "10.1.1.1"),
        ("direct", ("10.0.0.0/8",), "192.0.2.2"),
        ("direct", ("0.0.0.0/0",), "198.51.100.9"),
        ("control", ("0.0.0.0/0",), ""),
    ],
)
def test_only_who_is_trusted_is_believed(way: Way, trusted: tuple[str, ...], expected: str) -> None:
    assert address_rule(trusted)(scope(headers=LOUD, client=("10.9.9.9", 1)), way) == expected


@pytest.mark.parametrize("chain", [b"", b"unknown", b"evil, unknown", b"1.2.3.4:80"])
def test_a_chain_that_cannot_be_read_ends_at_the_proxy(chain: bytes) -> None:
    found = scope(headers=[(b"x-forwarded-for", chain)], client=("10.9.9.9", 1))
    assert address_rule(("10.0.0.0/8",))(found, "direct") == "10.9.9.9"


def test_a_peer_without_an_address_has_none() -> None:
    assert address_rule(())(scope(client=None), "direct") == ""
    assert address_rule(())(scope(), "edge") == ""
    assert address_rule(("10.0.0.0/8",))(scope(client=("socket", 0)), "direct") == "socket"
