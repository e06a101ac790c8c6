"""Without a network, cached servers start; a person's own settings are not touched."""

from pathlib import Path

import pytest

from app.cli import offline
from app.cli.offline import cached_only, chosen, has_default_route

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
NEIGHBOURS = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
NOWHERE = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"
IPV6_DEFAULT = f"{'0' * 32} 00 {'0' * 32} 00 fd{'0' * 29}1 00000400 00000002 00000000 00000003     eth0\n"


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "online"),
    [
        ("", "", False),
        (HEAD, NOWHERE, False),
        (HEAD + NEIGHBOURS, NOWHERE, False),
        (HEAD + NEIGHBOURS + DEFAULT, "", True),
        (HEAD, NOWHERE + IPV6_DEFAULT, True),
    ],
)
def test_a_network_is_a_route_beyond_the_neighbours(ipv4: str, ipv6: str, online: bool) -> None:
    assert has_default_route(ipv4, ipv6) is online


def test_uvx_and_npx_are_told_to_use_their_caches() -> None:
    assert chosen({}) == {"UV_OFFLINE": "1", "npm_config_offline": "true"}


def test_what_a_person_has_set_stays() -> None:
    assert chosen({"UV_OFFLINE": "0"}) == {"npm_config_offline": "true"}


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "HTTPS_PROXY"])
def test_an_index_of_ones_own_may_be_near(name: str) -> None:
    assert chosen({name: "set"}) == {}


def test_the_tables_of_the_kernel_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "IPV4", tmp_path / "route")
    monkeypatch.setattr(offline, "IPV6", tmp_path / "ipv6_route")
    assert cached_only({}) == {}, "nothing can be told without a table"
    (tmp_path / "route").write_text(HEAD)
    assert cached_only({}) == offline.CACHED_ONLY
    (tmp_path / "route").write_text(HEAD + DEFAULT)
    assert cached_only({}) == {}
