"""The official suite through the gateway with nginx in front: no required scenario falls short without a known reason.

`scripts/conformance` prints the same comparison in full.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.compare import compare
from tests.conformance.everything import LEGACY, MODERN, Everything, running
from tests.conformance.header_proxy import adding_headers
from tests.conformance.runs import compared, direct, gateway_with
from tests.conformance.suite import required
from tests.support.gateway import Gateway

RUNS = [(server, revision) for server in (MODERN, LEGACY) for revision in server.revisions]


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[Everything, int]]:
    with running(MODERN) as modern, running(LEGACY) as legacy:
        yield {MODERN: modern, LEGACY: legacy}


@pytest.fixture(scope="module")
def gateway(ports: dict[Everything, int]) -> Iterator[Gateway]:
    with gateway_with(ports, edge=True) as running_one:
        yield running_one


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("server", "revision"), RUNS, ids=lambda value: getattr(value, "name", value))
async def test_required_scenarios_pass_as_on_the_bare_server(
    ports: dict[Everything, int], gateway: Gateway, server: Everything, revision: str, tmp_path: Path
) -> None:
    found = await compared(server, ports[server], gateway, revision, tmp_path)
    assert found.direct[0] == found.required, "the bare server itself falls short: the suite is not set up right"
    assert dict(found.failing) == {}
    assert found.passing == (), "these are built by now: take them off absent.yaml"


async def test_the_proxy_that_adds_the_key_takes_nothing_from_the_results(
    ports: dict[Everything, int], tmp_path: Path
) -> None:
    bare = await direct(MODERN, ports[MODERN], "2026-07-28", tmp_path / "bare")
    async with adding_headers(ports[MODERN], {"X-Added": "1"}) as port:
        proxied = await direct(MODERN, port, "2026-07-28", tmp_path / "proxied")
    assert compare("2026-07-28", required("2026-07-28"), bare, proxied, {}).failing == {}
