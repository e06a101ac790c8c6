"""Remote servers of both SDK generations, over every wire, found out from a URL alone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config.snapshot import ServerSpec
from app.protocol.versions import Era
from app.upstream.upstream import State
from tests.support.programs import SERVERS, listening, python_of
from tests.support.upstreams import ask, lease_of, reaches, running


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    old = [python_of("sdk1"), str(SERVERS / "sdk1_server.py")]
    with listening([sys.executable, str(SERVERS / "sdk2_server.py")], [*old, "http"], [*old, "sse"]) as found:
        yield found


def remote(name: str, port: int, path: str = "/mcp") -> ServerSpec:
    return ServerSpec(name=name, label=name, kind="auto", prefix=name, url=f"http://127.0.0.1:{port}{path}")


async def test_each_client_gets_its_own_era_where_the_server_has_it(ports: list[int], tmp_path: Path) -> None:
    specs = remote("both", ports[0]), remote("old", ports[1]), remote("older", ports[2], "/sse")
    for _ in range(2):
        # The second time from the verdicts that were kept.
        async with running(*specs, data_directory=tmp_path) as [both, old, older]:
            for server in (both, old, older):
                await reaches(server, State.READY)
            assert {era: (await lease_of(both, era)).era for era in Era} == {era: era for era in Era}
            for server in (old, older):
                assert {(await lease_of(server, era)).era for era in Era} == {Era.LEGACY}
                assert await ask(await lease_of(server), "multiply", a=6, b=7) == "42"
            for era in Era:
                assert await ask(await lease_of(both, era), "add", a=40, b=2) == "42"


async def test_a_url_that_is_no_endpoint_is_named_with_its_status(ports: list[int]) -> None:
    async with running(remote("lost", ports[0], "/elsewhere"), remote("shut", 1)) as [lost, shut]:
        await reaches(lost, State.BACKOFF)
        await reaches(shut, State.BACKOFF)
        assert "404" in lost.reason
        assert "refuses connections" in shut.reason
