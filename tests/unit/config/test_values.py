"""Values of environment variables: what is taken, what is refused."""

from collections.abc import Callable

import pytest

from app.config import values

GOOD: list[tuple[Callable[[str], object], str, object]] = [
    (values.boolean, "TRUE", True),
    (values.boolean, "1", True),
    (values.boolean, "Yes", True),
    (values.boolean, "no", False),
    (values.boolean, "0", False),
    (values.disable_auth, "i-understand", "all"),
    (values.disable_auth, "true", "loopback"),
    (values.disable_auth, "false", "no"),
    (values.edge, "AUTO", "auto"),
    (values.edge, "true", "yes"),
    (values.edge, "no", "no"),
    (values.log_format, "JSON", "json"),
    (values.log_format, "text", "text"),
    (values.level, "warn", "WARNING"),
    (values.level, "debug", "DEBUG"),
    (values.levels, "app.upstream:DEBUG, httpx:error", (("app.upstream", "DEBUG"), ("httpx", "ERROR"))),
    (values.size, "16mb", 16 * 2**20),
    (values.size, "512 KB", 512 * 2**10),
    (values.size, "1048576", 2**20),
    (values.size, "1GiB", 2**30),
    (values.port, "8080", 8080),
    (values.host, "[::1]", "::1"),
    (values.host, "fe80::1%eth0", "fe80::1%eth0"),
    (values.host, "mcp.example.com", "mcp.example.com"),
    (values.url, "https://a.example/gw/", "https://a.example/gw"),
    (values.origins, "https://A.example, *", ("https://a.example", "*")),
    (values.hosts, "A.example:81,[::1],*", ("a.example:81", "[::1]", "*")),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_a_good_value_is_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (values.boolean, "on"),
        (values.disable_auth, "understand"),
        (values.edge, "maybe"),
        (values.log_format, "xml"),
        (values.level, "LOUD"),
        (values.levels, "DEBUG"),
        (values.levels, "a:LOUD"),
        (values.levels, ":DEBUG"),
        (values.size, "16tb"),
        (values.size, "-1"),
        (values.size, "0"),
        (values.size, "1.5mb"),
        (values.port, "0"),
        (values.port, "65536"),
        (values.port, "٨٠"),
        (values.port, "8080;"),
        (values.port, "9" * 5000),
        (values.host, "a b"),
        (values.host, "0.0.0.0; include /etc/passwd"),
        (values.host, "x{"),
        (values.host, "0.0.0.0:8080"),
        (values.host, "[::1]:8080"),
        (values.path, "a\0b"),
        (values.url, "mcp.example.com"),
        (values.url, "https://u:p@a.example"),
        (values.url, "https://a.example/?q"),
        (values.origins, "app.example.com"),
        (values.hosts, "https://a.example"),
        (values.hosts, "a.example/x"),
    ],
)
def test_a_bad_value_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        parse(text)


def test_a_rejected_value_is_shown_without_a_url_s_credentials_and_cut() -> None:
    assert values.shown("https://user:s3cret@a.example") == '"https://***@a.example"'
    assert values.shown("https://a.example/?token=s3cret") == '"https://a.example/?***"'
    assert len(values.shown("x" * 1000)) < 100
    assert "\x1b" not in values.shown("\x1b[2J")
    assert values.shown("\udcff") == '"?"'
