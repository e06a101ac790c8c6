"""Who a client is: not what it says itself, and what a proxy says only where that is trusted (B54, B55)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.nginx.raw import exchange, parsed, request
from tests.support.edge import edge_log, running_behind
from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.processes import eventually

BARE = "tests.support.bare_app:create_app"
SPOOFED = {
    "X-Real-IP": "192.0.2.66",
    "X-Forwarded-For": "192.0.2.66, 192.0.2.67",
    "Forwarded": "for=192.0.2.66",
    "CF-Connecting-IP": "192.0.2.68",
    "CF-Ray": "spoofed-ray",
    "X-Gateway-Client": "spoofed-client",
    "X-Gateway-Tool": "spoofed-tool",
    "X-Request-Id": "spoofed-id",
    "X-MCP-Client": "spoofed-act",
}
PROXY, TUNNEL = "127.7.7.7", "127.8.8.8"


def arriving(gateway: Gateway, sent: Mapping[str, str], source: str = "") -> list[tuple[str, str]]:
    """The headers that the app got."""
    lines = [f"{name}: {value}" for name, value in sent.items()]
    answer = exchange(gateway, request("GET", "/servers/headers/mcp", *lines), source=source)
    status, _, body = parsed(answer)
    assert status == 200, answer
    return [(name, value) for name, value in json.loads(body)["headers"]]


def only(pairs: list[tuple[str, str]], name: str) -> str | None:
    found = [value for key, value in pairs if key == name]
    assert len(found) < 2
    return found[0] if found else None


@pytest.fixture(scope="module")
def plain() -> Iterator[Gateway]:
    env = {"MCP_TRUSTED_PROXIES": f"{PROXY}, 10.0.0.0/8"}
    with running_gateway({"mcpServers": {}}, edge=True, app=BARE, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def tunnel() -> Iterator[Gateway]:
    with running_behind("tunnel", {}, app=BARE, edge_env={"MCP_TRUSTED_PROXIES": TUNNEL}) as running:
        yield running


def test_b54_what_a_client_says_of_itself_is_overwritten_and_that_it_said_so_stays_to_be_seen(plain: Gateway) -> None:
    pairs = arriving(plain, SPOOFED)
    assert (only(pairs, "x-real-ip"), only(pairs, "x-forwarded-for")) == ("127.0.0.1", "127.0.0.1")
    everything = " ".join(value for _, value in pairs)
    assert "192.0.2.6" not in everything
    assert "spoofed" not in everything
    assert only(arriving(plain, {}), "x-forwarded-for") is None


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "CF-Ray", "CF-Connecting-IP"])
def test_a_request_that_came_through_any_proxy_is_seen_to_have(plain: Gateway, name: str) -> None:
    assert only(arriving(plain, {name: SPOOFED[name]}), "x-forwarded-for") == "127.0.0.1"


@pytest.mark.parametrize(
    ("source", "chain", "client"),
    [
        (PROXY, "192.0.2.1", "192.0.2.1"),
        (PROXY, "192.0.2.9, 192.0.2.1", "192.0.2.1"),
        (PROXY, "192.0.2.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, "nonsense", PROXY),
        ("127.9.9.9", "192.0.2.1", "127.9.9.9"),
    ],
)
def test_b54_a_chain_is_believed_from_trusted_proxies_alone(
    plain: Gateway, source: str, chain: str, client: str
) -> None:
    pairs = arriving(plain, {"X-Forwarded-For": chain, "CF-Connecting-IP": "192.0.2.68"}, source)
    assert (only(pairs, "x-real-ip"), only(pairs, "x-forwarded-for")) == (client, client)


@pytest.mark.parametrize(
    ("source", "said", "client"),
    [
        (TUNNEL, "192.0.2.1", "192.0.2.1"),
        (TUNNEL, "2001:db8::1", "2001:db8::1"),
        ("127.9.9.9", "192.0.2.1", "127.9.9.9"),
    ],
)
def test_b54_cf_connecting_ip_is_believed_from_the_tunnels_address_alone(
    tunnel: Gateway, source: str, said: str, client: str
) -> None:
    sent = {"CF-Connecting-IP": said, "X-Forwarded-For": "192.0.2.66", "User-Agent": f"from {source} {said}"}
    pairs = arriving(tunnel, sent, source)
    assert (only(pairs, "x-real-ip"), only(pairs, "x-forwarded-for")) == (client, client)
    eventually(lambda: f"from {source} {said}" in edge_log(tunnel), what="the access line")
    [line] = [line for line in edge_log(tunnel).splitlines() if f"from {source} {said}" in line]
    assert f'"address":"{client}","peer":"{source}"' in line
    assert "192.0.2.66" not in line


def test_b55_there_is_no_way_to_the_app_but_through_nginx(tunnel: Gateway) -> None:
    [said] = [json.loads(line)["message"] for line in tunnel.log().splitlines() if "serving on" in line]
    assert Path(said.removeprefix("serving on ")).stat().st_mode & 0o777 == 0o660
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {fields[9] for fields in listening if fields[3] == "0A"}
    for process in tunnel.tree():
        opened = {link.readlink().name for link in _descriptors(process.pid)}
        assert not {f"socket:[{inode}]" for inode in inodes} & opened, "the gateway's own processes listen on no port"


def _descriptors(pid: int) -> list[Path]:
    return [link for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]


def test_the_direct_app_believes_trusted_proxies_alone_too() -> None:
    env = {"MCP_TRUSTED_PROXIES": PROXY}
    with running_gateway({"mcpServers": {}}, keys={KEY: "one"}, env=env) as gateway:

        def served(source: str, chain: str) -> int:
            """How many of sixty wrong keys are looked at: twenty, and those that come back meanwhile."""
            sent = request("GET", "/health", "Authorization: Bearer wrong-key-1", f"X-Forwarded-For: {chain}")
            return [parsed(exchange(gateway, sent, source=source))[0] for _ in range(60)].count(401)

        assert 20 <= served(PROXY, "192.0.2.1") < 40
        assert 20 <= served(PROXY, "192.0.2.2") < 40, "another client of that proxy"
        assert 20 <= served("127.9.9.9", "192.0.2.3") < 40
        assert served("127.9.9.9", "192.0.2.4") < 20, "nobody's word but its own"
