"""Lists, reads and the small methods: merged, drained, in order, each under the name the contract gives it."""

import re

import pytest

from tests.integration.relay.cast import CONFIG, NARROW, WIDE, MakeCaller
from tests.support.servers import workbench as bench
from tests.support.wire import META, names

PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def test_every_listed_name_is_one_that_model_apis_take(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    for kind in ("tools", "prompts"):
        listed = names((await caller.ask(f"{kind}/list")).result[kind])
        assert len(set(listed)) == len(listed)
        assert [name for name in listed if not PLAIN.fullmatch(name)] == []


async def test_lists_are_in_config_order_and_then_the_servers_own(client: MakeCaller, era: str) -> None:
    listed = names((await client(era=era).ask("tools/list")).result["tools"])
    owners = list(dict.fromkeys(name.split("__")[0] for name in listed if "__" in name))
    assert owners == ["workbench", "beta", "gamma", "delta", "plain", "other", "fragile"]
    own = [name.removeprefix("beta__") for name in listed if name.startswith("beta__")]
    assert own[:9] == [str(item["name"]) for item in bench.TOOLS[:9]]


async def test_names_of_other_characters_and_lengths_reach_their_own_tool(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    listed = names((await caller.ask("tools/list")).result["tools"])
    long = [name for name in listed if name.startswith("delta__a_name_of_eighty")]
    assert len(long) == 1
    assert len(long[0]) == 64
    # `dotted.name` comes first in the server's list and has the plain name; `dotted_name` gets a hash.
    hashed = [name for name in listed if re.fullmatch(r"delta__dotted_name.+", name)]
    assert len(hashed) == 1
    expected = {
        "delta__dotted_name": "dotted.name",
        hashed[0]: "dotted_name",
        "delta:dotted.name": "dotted.name",
        "delta:dotted_name": "dotted_name",
        "delta__spaced_name": "spaced name",
        "delta__caf_": "café",
        "delta:café": "café",
        "delta__Case": "Case",
        "delta__case": "case",
        long[0]: bench.LONG,
        f"delta:{bench.LONG}": bench.LONG,
    }
    for name, own in expected.items():
        assert (await caller.call(name)).text == f"delta ran {own}", name


async def test_a_servers_name_in_front_of_its_tools_is_found_through_the_alias(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    assert (await caller.call("workbench:job")).text == "workbench ran workbench_job"
    # Where a tool has exactly that name, it is the one.
    assert (await caller.call("workbench:workbench_job")).text == "workbench ran workbench_job"
    assert (await caller.call("beta:job")).error["code"] == -32602


async def test_a_prefix_stands_in_for_the_name_and_an_empty_one_for_nothing(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    listed = names((await caller.ask("tools/list")).result["tools"])
    assert "other__whoami" in listed
    assert "whoami" in listed
    assert not [name for name in listed if name.startswith(("spelt__", "bare__"))]
    for name, server in {
        "other__whoami": "spelt",
        "spelt:whoami": "spelt",
        "whoami": "bare",
        "bare:whoami": "bare",
    }.items():
        assert (await caller.call(name)).text.split(" ")[0] == server


async def test_the_hash_of_a_name_does_not_depend_on_who_asks(client: MakeCaller) -> None:
    wide = names((await client(WIDE).ask("tools/list")).result["tools"])
    narrow = names((await client(NARROW).ask("tools/list")).result["tools"])
    assert narrow
    assert set(narrow) <= set(wide)


@pytest.mark.requirement("lists.answered")
async def test_all_pages_of_a_server_are_one_list(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    for method, kind, key, own in (
        ("tools/list", "tools", "description", bench.TOOLS),
        ("prompts/list", "prompts", "name", bench.PROMPTS),
        ("resources/list", "resources", "uri", [f"workbench://beta/{name}" for name in ("one", "two")]),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", bench.TEMPLATES),
    ):
        result = (await caller.ask(method)).result
        assert "nextCursor" not in result
        found = [item for item in result[kind] if "beta" in item.get("uri", item.get("uriTemplate", item["name"]))]
        assert len(found) == len(own), kind
        assert all(key in item for item in found)


@pytest.mark.requirement("lists.steady")
async def test_a_list_is_the_same_bytes_every_time(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        first = await caller.ask(method, ident=1)
        again = await caller.ask(method, ident=1)
        assert first.answer.body == again.answer.body


@pytest.mark.parametrize("cursor", ["nonsense", "1", "=="])
async def test_a_cursor_nobody_gave_is_refused(client: MakeCaller, era: str, cursor: str) -> None:
    reply = await client(era=era).ask("tools/list", {"cursor": cursor})
    assert reply.error["code"] == -32602


@pytest.mark.requirement("cache.hints")
async def test_a_modern_list_says_how_long_it_is_good_and_for_whom(client: MakeCaller) -> None:
    caller = client(era="modern")
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover"):
        result = (await caller.ask(method)).result
        assert result["resultType"] == "complete"
        assert result["ttlMs"] >= 0
        assert result["cacheScope"] == "private", "a list filtered by rights is nobody else's"


async def test_a_uri_that_two_servers_have_is_the_first_ones(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    listed = names((await caller.ask("resources/list")).result["resources"], "uri")
    assert listed.count("workbench://shared") == 1
    read = (await caller.ask("resources/read", {"uri": "workbench://shared"})).result
    assert read["contents"][0]["text"] == "workbench holds workbench://shared"
    assert read["contents"][0]["vendor"] == 1.0


async def test_a_resource_nobody_has_is_said_to_be_missing(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    for uri in ("workbench://delta/three", "nothing://here", ""):
        reply = await caller.ask("resources/read", {"uri": uri})
        assert reply.error["code"] in ((-32602,) if era == "modern" else (-32602, -32002)), uri
        assert reply.status == (400 if era == "modern" else 200)


async def test_completion_reaches_the_server_with_its_own_names(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    argument = {"name": "who", "value": "al"}
    for name in ("delta__greet", "delta:greet"):
        params = {"ref": {"type": "ref/prompt", "name": name}, "argument": argument, "context": {"arguments": {}}}
        completion = (await caller.ask("completion/complete", params)).result["completion"]
        assert completion["values"] == ["al!", '{"type": "ref/prompt", "name": "greet"}']
        assert completion["vendor"] == 1.0
    ref = {"type": "ref/resource", "uri": "workbench://delta/item/{id}"}
    completion = (await caller.ask("completion/complete", {"ref": ref, "argument": argument})).result["completion"]
    assert completion["values"][0] == "al!"


async def test_one_servers_endpoint_has_its_names_unprefixed(client: MakeCaller, era: str) -> None:
    caller = client(era=era, path="/servers/delta/mcp")
    listed = names((await caller.ask("tools/list")).result["tools"])
    assert listed[: len(bench.TOOLS[:10])] == [
        re.sub(r"[^A-Za-z0-9_-]", "_", str(item["name"])) for item in bench.TOOLS[:10]
    ]
    assert (await caller.call("whoami")).text.startswith("delta ")
    assert names((await caller.ask("prompts/list")).result["prompts"]) == ["greet", "odd_prompt", "farewell"]
    uris = names((await caller.ask("resources/list")).result["resources"], "uri")
    assert uris == ["workbench://delta/one", "workbench://delta/two", "workbench://shared"]
    read = (await caller.ask("resources/read", {"uri": "workbench://shared"})).result
    assert read["contents"][0]["text"] == "delta holds workbench://shared"


async def test_a_trailing_slash_is_the_same_endpoint(client: MakeCaller, era: str) -> None:
    for path in ("/mcp/", "/servers/delta/mcp/"):
        assert (await client(era=era, path=path).ask("tools/list")).status == 200


@pytest.mark.requirement("discover.there")
async def test_discover_tells_what_this_client_can_use(client: MakeCaller) -> None:
    result = (await client(era="modern").ask("server/discover")).result
    assert "2026-07-28" in result["supportedVersions"]
    assert result["resultType"] == "complete"
    assert result["_meta"][META + "serverInfo"]["name"]
    assert {"tools", "prompts", "resources", "completions"} <= set(result["capabilities"])
    assert "How to use workbench." in result["instructions"]
    assert "How to use delta." not in (await client(NARROW, "modern").ask("server/discover")).result["instructions"]


@pytest.mark.requirement("features.declared")
async def test_a_client_is_offered_what_its_servers_have_and_a_session_what_they_may_come_to_have(
    client: MakeCaller,
) -> None:
    path = "/servers/plain/mcp"
    discovered = (await client(era="modern", path=path).ask("server/discover")).result
    assert set(discovered["capabilities"]) == {"tools"}
    initialized = (await client(path=path).initialize()).result
    assert set(initialized["capabilities"]) == {"tools", "prompts", "resources"}


async def test_ping_is_answered_in_the_era_that_has_it(client: MakeCaller) -> None:
    assert (await client().ask("ping")).result == {}
    gone = await client(era="modern").ask("ping")
    assert (gone.status, gone.error["code"]) == (404, -32601)


async def test_a_disabled_server_is_nowhere(client: MakeCaller, era: str) -> None:
    listed = names((await client(era=era).ask("tools/list")).result["tools"])
    assert CONFIG["mcpServers"]["off"]["disabled"]
    assert not [name for name in listed if name.startswith("off")]
