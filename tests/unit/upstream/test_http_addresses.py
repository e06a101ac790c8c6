import socket

import pytest

from app.upstream.http_addresses import is_loopback, open_socket, proxy_for, same_origin

PROXIES = {"HTTP_PROXY": "http://h:1", "https_proxy": "s:2", "HTTPS_PROXY": "http://not-this:9"}


@pytest.mark.parametrize(
    ("url", "local"),
    [
        *[
            (url, True)
            for url in ("http://localhost/", "http://a.localhost:8/", "http://127.8.9.1/", "http://[::1]:3/")
        ],
        *[(url, False) for url in ("http://example.org/", "http://10.0.0.1/", "http://localhost.example.org/", "x")],
    ],
)
def test_loopback_is_this_machine_alone(url: str, local: bool) -> None:
    assert is_loopback(url) is local


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("http://far/", PROXIES, "http://h:1"),
        ("https://far/", PROXIES, "http://s:2"),
        ("http://127.0.0.1/", PROXIES, None),
        ("http://far/", {}, None),
        ("https://far/", {"ALL_PROXY": "http://a:3"}, "http://a:3"),
        ("http://far/", {**PROXIES, "REQUEST_METHOD": "GET"}, None),
        ("http://far/", {**PROXIES, "http_proxy": ""}, None),
    ],
)
def test_the_proxy_is_that_of_the_scheme_and_a_lower_case_name_wins(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "exempted"),
    [
        *[(names, True) for names in ("*", "far.example", "example", ".example", "*.example", "x, far.example")],
        *[("far.example:81", True), ("far.example:80", False), ("ar.example", False), ("", False)],
    ],
)
def test_no_proxy_names_domains_with_or_without_a_port(no_proxy: str, exempted: bool) -> None:
    proxy = proxy_for("http://far.example:81/", {**PROXIES, "NO_PROXY": no_proxy})
    assert (proxy is None) is exempted


def test_no_proxy_names_addresses_and_networks() -> None:
    assert proxy_for("http://10.1.2.3/", {**PROXIES, "no_proxy": "10.0.0.0/8"}) is None
    assert proxy_for("http://11.1.2.3/", {**PROXIES, "no_proxy": "10.0.0.0/8"}) == "http://h:1"
    assert proxy_for("http://[fd00::1]/", {**PROXIES, "no_proxy": "fd00::1"}) is None


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("http://far/messages?x=1", True), ("http://far:80/", True), ("https://far/", False), ("http://far:81/", False),
        ("http://other/", False), ("http://far:port/", False), ("http://far@other/", False),
    ],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_port(other: str, same: bool) -> None:
    assert same_origin(other, "http://far/sse") is same


def test_a_socket_finds_out_by_itself_that_its_peer_is_gone() -> None:
    with open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as opened:
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
