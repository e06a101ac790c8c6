"""What the edge's variables may hold, and what they become."""

from collections.abc import Callable

import pytest

from app.config import edge

GOOD: list[tuple[Callable[[str], object], str, object]] = [
    (edge.prefixes, "abcd1234", ("abcd1234",)),
    (edge.prefixes, "/abcd1234/", ("abcd1234",)),
    (edge.prefixes, "abcd1234/mcp", ("abcd1234",)),
    (edge.prefixes, "/abcd1234/mcp/", ("abcd1234",)),
    (edge.prefixes, "a" * 64 + ",_-_-_-_-, abcd1234/mcp,abcd1234", ("a" * 64, "_-_-_-_-", "abcd1234")),
    (edge.networks, "127.0.0.1", ("127.0.0.1/32",)),
    (edge.networks, "10.1.2.3/8,::1, fd00::1/64", ("10.0.0.0/8", "::1/128", "fd00::/64")),
    (edge.domains, "MCP.example.com.", ("mcp.example.com",)),
    (edge.domains, "a.example, b.example,a.example", ("a.example", "b.example")),
    (edge.domains, "localhost", ("localhost",)),
    (edge.email, "ops+acme@example.com", "ops+acme@example.com"),
    (edge.limit, "1", 1),
    (edge.limit, "1000000", 1_000_000),
    (edge.streams, "65535", 65535),
]
BAD: list[tuple[Callable[[str], object], str]] = [
    *(
        (edge.prefixes, raw)
        for raw in ("short12", "a" * 65, "a/b-c-d-e-f", "with space", "abcd1234;", "abcd123{", "äöüäöüäö")
    ),
    (edge.prefixes, ",".join(f"{number:08}" for number in range(33))),
    *((edge.prefixes, raw) for raw in (",", "/", "abcd\n1234", "abcd1234,short", "abcd%201234", "$prefix-1")),
    *(
        (edge.networks, raw)
        for raw in ("example.com", "10.0.0.0/33", "255.255.255.255", "1.2.3", "fe80::1%eth0", "10.0.0.0/8;", "unix:")
    ),
    *(
        (edge.domains, raw)
        for raw in ("*.example.com", "a b", "a..b", "-a.example", "10.0.0.1", "a;b", ",", "a" * 64, "a\nb")
    ),
    *((edge.email, raw) for raw in ("ops", "@example.com", "a@b c", "a@b;", "a@-b", "a@b\n", "'a'@b")),
    (edge.streams, "65536"),
    *((edge.limit, raw) for raw in ("0", "-1", "1.5", "1000001", "1r/s", "", "٣")),
]


@pytest.mark.parametrize(("parse", "raw", "expected"), GOOD, ids=lambda value: getattr(value, "__name__", None))
def test_a_value_is_read(parse: Callable[[str], object], raw: str, expected: object) -> None:
    assert parse(raw) == expected


@pytest.mark.parametrize(("parse", "raw"), BAD, ids=lambda value: getattr(value, "__name__", None))
def test_a_value_of_another_kind_is_refused(parse: Callable[[str], object], raw: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - without text: the caller says what is allowed
        parse(raw)
