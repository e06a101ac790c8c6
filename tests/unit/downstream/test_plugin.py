"""Everything of ours that Litestar carries, seen from the wire."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from app.config.settings import Settings
from app.downstream import plugin as module
from app.downstream.faults import NOT_FOUND
from app.downstream.plugin import GatewayPlugin
from app.gateway import clock
from app.gateway.drain import Drain
from app.gateway.gateway import Gateway
from tests.support.house import eventually, owned, snapshot_of
from tests.support.programs import workbench
from tests.unit.downstream.conftest import ANN, BOB, KEYRING, headers, key_of, message
from tests.unit.downstream.wire import Wire, scope


class Site:
    """The whole app, one request at a time."""

    def __init__(self, app: Litestar) -> None:
        self.app = app

    async def ask(self, method: str, path: str, *more: tuple[bytes, bytes], body: bytes = b"") -> Wire:
        wire = Wire(body)
        found = scope(
            method, headers("", "", *more), path=path, raw_path=path.encode(), query_string=b"", scheme="http",
            http_version="1.1", root_path="", asgi={"version": "3.0"}, state={},
        )  # fmt: skip
        del found["path_params"]
        await self.app(found, wire.receive, wire.send)
        return wire


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(module, "Gateway", partial(Gateway, drain=Drain(), adopt_orphans=False))
    settings = Settings(data_dir=str(tmp_path / "data"))
    plugin = GatewayPlugin(
        settings, snapshot_of({"a": workbench("a"), "b": workbench("b")}), KEYRING, lambda _: "direct"
    )
    app = Litestar(plugins=[plugin], openapi_config=None, logging_config=None)
    async with owned(app.lifespan()):
        for upstream in plugin.gateway.current.upstreams.values():
            await eventually(upstream, lambda: upstream.catalog is not None)  # noqa: B023
        yield Site(app)
    gc.unfreeze()


def told(wire: Wire) -> Any:
    return json.loads(wire.body)


async def test_the_endpoint_is_served_with_and_without_a_trailing_slash(site: Site) -> None:
    for path in ("/mcp", "/mcp/", "/servers/a/mcp", "/servers/a/mcp/"):
        wire = await site.ask("POST", path, key_of(ANN), body=message("ping"))
        assert (wire.status, told(wire)["result"]) == (200, {}), path


async def test_one_servers_endpoint_knows_which_server_it_is(site: Site) -> None:
    for server in ("a", "b"):
        called = message("tools/call", {"name": "whoami"})
        wire = await site.ask("POST", f"/servers/{server}/mcp", key_of(ANN), body=called)
        assert told(wire)["result"]["content"][0]["text"].startswith(f"{server} ")


@pytest.mark.parametrize("settle", [clock.SETTLE, 0], ids=["short", "lasting"])
@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_call_leaves_nothing_to_the_garbage_collector(
    site: Site, monkeypatch: pytest.MonkeyPatch, modern: bool, settle: float
) -> None:
    """A run of the collector stalls every other call: under load its work is what the slowest calls wait for."""
    monkeypatch.setattr(clock, "SETTLE", settle)
    named = headers("tools/call", "a__whoami", modern=modern)[3:]
    called = message("tools/call", {"name": "a__whoami"}, modern=modern)

    async def call() -> None:
        wire = await site.ask("POST", "/mcp", key_of(ANN), *named, body=called)
        assert wire.status == 200, wire.body

    await call()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            await call()
            await asyncio.sleep(0)  # the end of what a call began
        gc.collect()
        left = {type(found).__qualname__ for found in gc.garbage if type(found).__module__.startswith("app.")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == set()


async def test_a_server_the_key_does_not_reach_is_not_there(site: Site) -> None:
    wire = await site.ask("POST", "/servers/a/mcp", key_of(BOB), body=message("ping"))
    assert (wire.status, wire.body) == (404, NOT_FOUND)


async def test_without_a_key_only_preflights_and_health_are_answered(site: Site) -> None:
    assert (await site.ask("POST", "/mcp", body=message("ping"))).status == 401
    assert (await site.ask("OPTIONS", "/mcp")).status == 204
    for path in ("/health", "/health/", "/health/live", "/health/ready"):
        assert (await site.ask("GET", path)).status == 200, path


async def test_everything_else_is_one_404(site: Site) -> None:
    for path in ("/", "/nope", "/mcp/x", "/servers", "/servers/a", "/schema", "/openapi.json"):
        for method in ("GET", "POST", "OPTIONS"):
            wire = await site.ask(method, path, key_of(ANN))
            assert (wire.status, wire.body) == (404, NOT_FOUND), (method, path)


async def test_a_wrong_method_is_told_the_right_ones_on_every_path(site: Site) -> None:
    for path in ("/mcp", "/servers/a/mcp", "/health", "/health/live", "/health/ready"):
        wire = await site.ask("PATCH", path, key_of(ANN))
        assert wire.status == 405, path
        assert wire.headers[b"allow"]
        assert told(wire)["error"] == "method_not_allowed"


async def test_a_foreign_page_is_refused_before_its_key_is_looked_at(site: Site) -> None:
    wire = await site.ask("POST", "/mcp", (b"origin", b"https://evil.example"), body=message("ping"))
    assert (wire.status, told(wire)["error"]) == (403, "forbidden_origin")
