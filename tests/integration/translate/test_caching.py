"""Caching hints through the gateway: merged, no longer than true, honoured inside, and gone for older clients."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.translate.conftest import POLYGLOT
from tests.support.ann_and_bob import ANN, Make
from tests.support.gateway import Gateway, running_gateway
from tests.support.listeners import listening as listening_to
from tests.support.programs import keys_file, listening
from tests.support.wire import Caller, until

LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover"]
NARROW = "key-of-narrow-0123456789-0123456789"


@pytest.mark.requirement("cache.hints", "cache.ttl")
@pytest.mark.parametrize("method", LISTS)
async def test_the_hints_of_a_modern_server_reach_modern_clients_and_no_others(client: Make, method: str) -> None:
    result = (await client("new").ask(method)).result
    assert 0 < result["ttlMs"] <= 60000
    assert result["cacheScope"] == "public"
    for server in ("old", "pipe", ""):
        result = (await client(server).ask(method)).result
        assert (result["ttlMs"], result["cacheScope"]) == (0, "private"), server
    if method != "server/discover":
        result = (await client("new", era="legacy").ask(method)).result
        assert not {"ttlMs", "cacheScope", "resultType"} & set(result)


@pytest.mark.requirement("cache.hints")
async def test_a_resource_comes_with_its_servers_hints_or_with_careful_ones(client: Make) -> None:
    async def hints(server: str) -> tuple[Any, Any]:
        result = (await client(server).ask("resources/read", {"uri": "poly://one"})).result
        return result["ttlMs"], result["cacheScope"]

    assert await hints("new") == (60000, "public")
    assert await hints("old") == await hints("pipe") == (0, "private")
    legacy = (await client("new", era="legacy").ask("resources/read", {"uri": "poly://one"})).result
    assert set(legacy) == {"contents"}


@pytest.mark.requirement("cache.kept")
async def test_a_resource_is_asked_of_its_server_each_time(client: Make) -> None:
    async def reads() -> int:
        seen = json.loads((await client("new").call("seen")).text)
        return sum(one["method"] == "resources/read" for one in seen)

    before = await reads()
    for params in ({}, {"inputResponses": {}}, {}):
        assert (await client("new").ask("resources/read", {"uri": "poly://one", **params})).result["contents"]
    assert await reads() == before + 3


@pytest.fixture(scope="module")
def fleeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two servers, one whose lists are good for no time and one whose are for long, and keys with different rights."""
    keys: dict[str, Any] = {ANN: {"client_id": "ann"}, NARROW: {"client_id": "narrow", "scopes": ["lasting:s*"]}}
    env = keys_file(keys, tmp_path_factory.mktemp("keys"))
    with (
        listening(POLYGLOT, environment={"POLYGLOT_TTL": "0"}) as (brief,),
        listening(POLYGLOT, environment={"POLYGLOT_TTL": "600000"}) as (lasting,),
    ):
        servers = {name: {"url": f"http://127.0.0.1:{port}/modern", "era": "modern"}
                   for name, port in (("brief", brief), ("lasting", lasting))}  # fmt: skip
        with running_gateway({"mcpServers": servers}, keys={}, env=env) as running:
            yield running


@pytest.fixture(autouse=True)
async def both_listed(fleeting: Gateway) -> None:
    async def there() -> bool:
        lists = [(await of(fleeting, server).ask("tools/list")).result["tools"] for server in ("brief", "lasting")]
        return all(lists)

    await until(there, "both servers are listed", 60)


def of(house: Gateway, server: str, key: str = ANN, era: str = "modern") -> Caller:
    return Caller(house.host, house.port, key, era, path=f"/servers/{server}/mcp")


@pytest.mark.requirement("cache.shared", "cache.access")
async def test_where_keys_have_different_rights_nothing_is_said_to_be_for_everybody(fleeting: Gateway) -> None:
    for key in (ANN, NARROW):
        caller = of(fleeting, "lasting", key)
        result = (await caller.ask("tools/list")).result
        assert (result["cacheScope"], result["ttlMs"] > 500000) == ("private", True)
    result = (await of(fleeting, "lasting").ask("resources/read", {"uri": "poly://one"})).result
    assert (result["cacheScope"], result["ttlMs"]) == ("private", 600000)


@pytest.mark.parametrize("era", [pytest.param("modern", id="M-M"), pytest.param("legacy", id="L-M")])
async def test_a_list_is_kept_for_as_long_as_its_server_says_and_not_longer(fleeting: Gateway, era: str) -> None:
    async def header(server: str) -> str:
        tools = (await of(fleeting, server, era=era).ask("tools/list")).result["tools"]
        routed = next(tool for tool in tools if tool["name"] == "routed")
        return routed["inputSchema"]["properties"]["region"]["x-mcp-header"]

    kept, changed = await header("lasting"), f"Area-{era}"
    for server in ("brief", "lasting"):
        assert (await of(fleeting, server).call("shift", {"header": changed})).result

    async def listed_again() -> bool:
        return await header("brief") == changed

    await until(listed_again, "the list that is good for no time was asked for again")
    assert await header("lasting") == kept != changed


async def test_who_listens_hears_of_a_server_that_tells_of_no_changes(fleeting: Gateway) -> None:
    async with listening_to(of(fleeting, "brief", era="legacy")) as old, listening_to(of(fleeting, "brief")) as new:
        assert (await of(fleeting, "brief").call("shift", {"header": "Polled"})).result
        for listener in (old, new):
            await listener.hears("tools/list_changed")
