"""URLs, and the rules for `Origin` and `Host`."""

import pytest

from app.config.addresses import host_rule, http_url, is_loopback, origin_rule, split_url, to_origin, without_port


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"]
)
def test_names_of_this_machine_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", ""]
)
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://localhost:8080"),
        ("::", "http://localhost:8080"),
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_a_url_is_one_that_a_client_can_use(host: str, url: str) -> None:
    assert http_url(host, 8080) == url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://App.example.com", "https://app.example.com"),
        ("https://app.example.com:443/", "https://app.example.com"),
        ("http://app.example.com:8443", "http://app.example.com:8443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("vscode-webview://abc", "vscode-webview://abc"),
        ("null", None),
        ("app.example.com", None),
        ("https://a.example/path", None),
        ("https://u@a.example", None),
        ("https://a.example:x", None),
        ("https://", None),
        ("http://[", None),
    ],
)
def test_origins_are_compared_as_browsers_send_them(text: str, origin: str | None) -> None:
    assert to_origin(text) == origin


def test_by_default_the_public_url_and_loopback_are_origins() -> None:
    allows = origin_rule(None, "https://mcp.example.com/gw")
    assert allows("https://mcp.example.com")
    assert allows("http://localhost:6274")
    assert allows("http://[::1]:1")
    for origin in ("https://evil.example", "http://mcp.example.com", "null", "", "ftp://localhost"):
        assert not allows(origin)


def test_a_list_of_origins_replaces_the_default() -> None:
    allows = origin_rule(("https://app.example.com",), "https://mcp.example.com")
    assert allows("https://app.example.com")
    assert not allows("https://mcp.example.com")
    assert not allows("http://localhost")


def test_a_star_allows_every_origin() -> None:
    assert origin_rule(("*",), None)("null")


def test_a_host_without_port_stands_for_every_port() -> None:
    allows = host_rule(("mcp.example.com", "other.example:81", "[::1]"), None, loopback=False)
    assert allows("MCP.example.com")
    assert allows("mcp.example.com:8080")
    assert allows("other.example:81")
    assert allows("[::1]:8080")
    for host in ("other.example", "other.example:82", "localhost", "", "mcp.example.com.evil.example"):
        assert not allows(host)


def test_with_loopback_the_public_host_and_this_machine_are_hosts() -> None:
    allows = host_rule((), "https://mcp.example.com", loopback=True)
    assert allows("mcp.example.com")
    assert allows("127.0.0.1:8080")
    assert not allows("rebound.example")


def test_a_port_is_taken_off_names_and_addresses() -> None:
    assert [without_port(host) for host in ("a:1", "a", "[::1]:1", "[::1]", "[")] == ["a", "a", "[::1]", "[::1]", "["]


@pytest.mark.parametrize(
    "text", ["x", "ftp://x", "http://", "http://x:99999", "http://x y", "http://x:0", "http://[", "http://a\n"]
)
def test_only_absolute_http_urls_are_urls(text: str) -> None:
    assert split_url(text) is None
