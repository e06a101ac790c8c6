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
TLS: dict[str, Any] = GOOD | {
    "variant": "tls",
    "listen_tls": (("0.0.0.0", 8443),),
    "domains": ("mcp.example.com",),
    "certificate": ("/certificates/chain.pem", "/certificates/key.pem"),
    "webroot": "/var/www/acme",
}


def test_addresses_are_written_as_nginx_reads_them() -> None:
    settings = EdgeSettings(**{**GOOD, "listen": (("0.0.0.0", 80), ("::", 8080), ("::1", 1))})
    assert settings.endpoints == ("0.0.0.0:80", "[::]:8080", "[::1]:1")
    assert EdgeSettings(**TLS).endpoints_tls == ("0.0.0.0:8443",)


def test_a_prefix_does_not_stand_in_what_is_shown_of_them() -> None:
    assert "secret" not in repr(EdgeSettings(**GOOD, prefixes=("a-secret-prefix",)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("listen", ()),
        ("listen", (("localhost", 8080),)),
        ("listen", (("127.0.0.1; return 200", 8080),)),
        ("listen", (("127.0.0.1", 0),)),
        ("listen", (("127.0.0.1", 65536),)),
        ("listen", (("fe80::1%eth0;", 80),)),
        ("listen", (("::1", 80), ("0:0::1", 80))),
        ("socket", "run/app.sock"),
        ("socket", "/run/a b"),
        ("socket", "/run/a;b"),
        ("socket", "/run/${x}"),
        ("socket", "/" + "x" * 107),
        ("runtime", "/run/a\nuser root;"),
        ("runtime", '/run/"x'),
        ("max_body", 0),
        ("connections", -1),
        ("limit_ip", 0),
        ("limit_key", 1 << 41),
        ("limit_streams", -1),
        ("limit_tool", 0),
        ("shutdown", 0),
        ("user", ("nobody", "no group")),
        ("user", ("nobody;", "nogroup")),
        ("variant", "other"),
        ("prefixes", ("short",)),
        ("prefixes", ("abcdefgh;", "abcdefgh")),
        ("prefixes", ("abcd|efgh",)),
        ("prefixes", tuple(f"{number:08}" for number in range(33))),
        ("decoys", ("abcd|efgh",)),
        ("decoys", ("beside-no-prefix",)),
        ("trusted", ("10.0.0.1",)),
        ("trusted", ("10.0.0.1/8",)),
        ("trusted", ("unix:",)),
        ("trusted", ("10.0.0.0/8; x",)),
    ],
)
def test_a_value_of_another_kind_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        EdgeSettings(**{**GOOD, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domains", ("*.example.com",)),
        ("domains", ("MCP.example.com",)),
        ("domains", ("a b",)),
        ("certificate", ("/a;", "/b")),
        ("certificate", ("/a", "b")),
        ("webroot", "/$document_root"),
        ("listen_tls", (("localhost", 443),)),
    ],
)
def test_so_is_one_of_tls(field: str, value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the names of the parsers' own
        EdgeSettings(**{**TLS, field: value})


@pytest.mark.parametrize("field", ["listen_tls", "domains", "certificate", "webroot"])
def test_what_tls_needs_goes_together_and_belongs_to_it_alone(field: str) -> None:
    with pytest.raises(ValueError, match="go together"):
        EdgeSettings(**{name: value for name, value in TLS.items() if name != field})
    with pytest.raises(ValueError, match="of tls alone"):
        EdgeSettings(**GOOD, **{field: TLS[field]})
