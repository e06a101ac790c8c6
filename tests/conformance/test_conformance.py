"""The official suite through the gateway behind nginx: as on the bare servers, whatever the eras of the two sides.

`scripts/conformance` prints the same comparison in full.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.compare import Known, compare
from tests.conformance.everything import LEGACY, MODERN, PUSHING, ROUNDS, SERVERS, Server, all_running
from tests.conformance.header_proxy import adding_headers
from tests.conformance.runs import Bare, compared, direct, gateway_with
from tests.conformance.suite import required
from tests.support.gateway import Gateway

# What must pass at least: scenarios that are required of the revision, and checks in them.
BARS = {
    (MODERN, "2025-11-25"): (30, 70),
    (MODERN, "2026-07-28"): (37, 120),
    (LEGACY, "2025-11-25"): (30, 70),
    (PUSHING, "2026-07-28"): (36, 117),
    (ROUNDS, "2025-11-25"): (30, 70),
}


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[Server, int]]:
    with all_running() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(ports: dict[Server, int]) -> Iterator[Gateway]:
    with gateway_with(ports, edge=True) as running_one:
        yield running_one


@pytest.fixture(scope="module")
def bare(ports: dict[Server, int], tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(ports, tmp_path_factory.mktemp("conformance"))


def test_every_server_has_its_bar_in_each_revision() -> None:
    assert set(BARS) == {(server, revision) for server in SERVERS for revision in server.revisions}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("server", "revision"), BARS, ids=lambda value: getattr(value, "name", value))
async def test_scenarios_pass_as_on_the_bare_server(
    bare: Bare, gateway: Gateway, server: Server, revision: str
) -> None:
    found = await compared(server, bare, gateway, revision)
    assert found.direct[0] == found.required, "the bare server itself falls short: the suite is not set up right"
    assert (dict(found.failing), dict(found.unscored)) == ({}, {})
    assert found.passing == (), "these pass by now: take them off absent.yaml"
    scenarios, checks = BARS[server, revision]
    assert found.gateway[0] >= scenarios
    assert found.gateway[1] >= checks


async def test_the_proxy_that_adds_the_key_takes_nothing_from_the_results(bare: Bare, tmp_path: Path) -> None:
    own = await bare.of(MODERN, "2026-07-28")
    async with adding_headers(bare.ports[MODERN], {"X-Added": "1"}) as port:
        proxied = await direct(MODERN, port, "2026-07-28", tmp_path / "proxied")
    assert compare("2026-07-28", required("2026-07-28"), own, proxied, Known({}, {})).failing == {}
