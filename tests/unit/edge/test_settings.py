"""Nothing stands in an nginx configuration that could be configuration of its own."""

from typing import Any

import pytest

from app.edge.settings import EdgeSettings

GOOD: dict[str, Any] = {
    "listen": (("127.0.0.1", 8080),),
    "socket": "/run/gateway/app.sock",
    "runtime": "/run/gateway",
    "max_body": 1024,
}


def test_addresses_are_written_as_nginx_reads_them() -> None:
    settings = EdgeSettings(**{**GOOD, "listen": (("0.0.0.0", 80), ("::", 8080), ("::1", 1))})
    assert settings.endpoints == ("0.0.0.0:80", "[::]:8080", "[::1]:1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("listen", ()),
        ("listen", (("localhost", 8080),)),
        ("listen", (("127.0.0.1; return 200", 8080),)),
        ("listen", (("127.0.0.1", 0),)),
        ("listen", (("127.0.0.1", 65536),)),
        ("socket", "run/app.sock"),
        ("socket", "/run/a b"),
        ("socket", "/run/a;b"),
        ("socket", "/run/${x}"),
        ("runtime", "/run/a\nuser root;"),
        ("runtime", '/run/"x'),
        ("max_body", 0),
        ("connections", -1),
        ("user", ("nobody", "no group")),
        ("user", ("nobody;", "nogroup")),
    ],
)
def test_a_value_of_another_kind_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        EdgeSettings(**{**GOOD, field: value})
