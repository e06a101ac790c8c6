"""What is listed is what can be called: for every client, era, alias, case and encoding of a name."""

import json
from collections.abc import Iterator

import pytest

from tests.integration.relay.cast import CONFIG, NARROW, NOBODY, OTHER, WIDE, MakeCaller
from tests.support.servers import workbench as bench
from tests.support.wire import Caller, Reply, Wire, names

SERVERS = list(CONFIG["mcpServers"])
# These two never answer or end their server; they are held to the rule in the lists.
UNSAFE = {"hold", "crash"}
OWN = [str(item["name"]) for item in bench.TOOLS if item["name"] not in UNSAFE]

# None of these is a name or an alias of anything.
SPELLINGS = [
    "WORKBENCH__MIRROR",
    "Workbench:mirror",
    "workbench:Mirror",
    "workbench%3Amirror",
    "workbench%5F%5Fmirror",
    "workbench::mirror",
    "workbench___mirror",
    "workbench/mirror",
    "workbench.mirror",
    "workbench",
    "workbench:",
    "workbench__",
    ":mirror",
    "__mirror",
    "off:mirror",
    "off__mirror",
    "*",
    "workbench:*",
    "workbench__m*",
    "__proto__",
    "constructor",
    "toString",
    "../mirror",
    "narrow:mirror",
    "w\u00f6rkbench__mirror",
    "=?base64?d29ya2JlbmNoX19taXJyb3I=?=",
    "workbench\uff1amirror",
    "w\u043erkbench:mirror",
    " workbench__mirror",
    "workbench__mirror ",
    "workbench__mirror\n",
    "workbench__mirror\0",
    "workbench: mirror",
    "workbench:mirror\u200b",
    "\u202eworkbench:mirror",
]
RIGHTS = {
    (NARROW, "workbench"): lambda name: name != "hold",
    (NARROW, "beta"): lambda name: name.startswith("m"),
    (NARROW, "plain"): lambda name: True,
    (NARROW, "bare"): lambda name: True,
}


def may_use(key: str, server: str, own: str) -> bool:
    """The rule of the config and the keys file, written down a second time."""
    if server == "off" or key == NOBODY:
        return False
    if server == "gamma" and own not in ("mirror", "spaced name", "whoami"):
        return False
    if key in (WIDE, OTHER):
        return True
    return (key, server) in RIGHTS and RIGHTS[key, server](own)


def prefix_of(server: str) -> str:
    return CONFIG["mcpServers"][server].get("prefix", server)


def aliases(server: str, own: str) -> Iterator[str]:
    """Every way to call `own` of `server`; all of them mean the same, allowed or not."""
    yield f"{server}:{own}"
    yield f"{server}__{own}"
    if prefix_of(server):
        yield f"{prefix_of(server)}__{own}"
        yield f"{prefix_of(server)}:{own}"


def was_reached(reply: Reply) -> bool:
    return "result" in reply.message or reply.error["code"] == -31999


def assert_unknown(reply: Reply, name: str, era: str) -> None:
    """Hidden and missing look the same: code, status and text."""
    assert reply.error["code"] == -32602, (name, reply.message)
    assert reply.status == (400 if era == "modern" else 200)
    told, _, shown = reply.error["message"].partition(": ")
    # The name is shown as far as it is short and printable.
    assert all(char in ("?", sent) for char, sent in zip(shown, name, strict=False)), reply.error
    rest = json.dumps({**reply.error, "message": told})
    UNKNOWN.setdefault(era, rest)
    assert rest == UNKNOWN[era], name


UNKNOWN: dict[str, str] = {}


async def ask(caller: Caller, wire: Wire, name: str) -> Reply:
    return await caller.call(name, {"size": 40, "steps": 1, "label": "nobody waits for this"}, wire=wire)


async def list_of(caller: Caller, method: str, kind: str) -> list[dict[str, object]]:
    """A list; empty for a modern client to whom nothing of the kind is offered, and the method so unknown."""
    reply = await caller.ask(method)
    if caller.key == NOBODY and caller.era == "modern":
        assert (reply.status, reply.error["code"]) == (404, -32601)
        return []
    return reply.result[kind]


@pytest.mark.requirement("access.tools")
@pytest.mark.parametrize("key", [WIDE, NARROW, OTHER, NOBODY])
async def test_a_tool_answers_exactly_where_it_is_listed(client: MakeCaller, era: str, key: str) -> None:
    caller = client(key, era)
    listed = set(names(await list_of(caller, "tools/list", "tools")))
    reached: set[str] = set()
    async with await caller.wire() as wire:
        for server in SERVERS:
            for own in OWN:
                for alias in aliases(server, own):
                    reply = await ask(caller, wire, alias)
                    if may_use(key, server, own):
                        assert was_reached(reply), (alias, reply.message)
                    else:
                        assert_unknown(reply, alias, era)
        for name in sorted(listed):
            if not name.endswith(("hold", "crash")):
                assert was_reached(await ask(caller, wire, name)), name
                reached.add(name)
    allowed = [(server, own) for server in SERVERS for own in names(bench.TOOLS) if may_use(key, server, own)]
    assert len(listed) == len(allowed)
    assert len(reached) == sum(own not in UNSAFE for _, own in allowed)


@pytest.mark.parametrize("key", [WIDE, NARROW])
async def test_no_other_spelling_of_a_name_is_understood(client: MakeCaller, era: str, key: str) -> None:
    caller = client(key, era)
    async with await caller.wire() as wire:
        for name in SPELLINGS:
            assert_unknown(await ask(caller, wire, name), name, era)


async def test_json_and_header_escapes_of_a_name_are_the_same_name(client: MakeCaller) -> None:
    caller = client(NARROW, "modern")
    raw = caller.body("tools/call", {"name": "PLACE", "arguments": {}}, 1)
    body = json.dumps(raw)
    encoded = "=?base64?d29ya2JlbmNoX193aG9hbWk=?="
    headers = [
        (key, encoded if key == "Mcp-Name" else value) for key, value in caller.headers("tools/call", {"name": ""})
    ]
    escaped = body.replace("PLACE", "\\u0077orkbench\\u005f_whoami")
    answer = await caller.post(escaped.encode(), headers)
    assert answer.status == 200, answer.body
    assert answer.json()["result"]["content"][0]["text"].startswith("workbench ")
    hidden = body.replace("PLACE", "\\u0064elta__whoami")
    headers = [(key, "delta__whoami" if key == "Mcp-Name" else value) for key, value in headers]
    assert (await caller.post(hidden.encode(), headers)).json()["error"]["code"] == -32602


@pytest.mark.requirement("access.tools")
async def test_prompts_answer_exactly_where_they_are_listed(client: MakeCaller, era: str) -> None:
    for key in (WIDE, NARROW, NOBODY):
        caller = client(key, era)
        listed = names(await list_of(caller, "prompts/list", "prompts"))
        expected = [
            f"{prefix_of(server)}__{own}" if prefix_of(server) else own
            for server in SERVERS
            for own in ("greet", "odd_prompt", "farewell")
            if server not in ("plain", "gamma", "off") and may_use(key, server, own)
        ]
        gamma = [f"gamma__{own}" for own in ("greet", "odd_prompt", "farewell") if key == WIDE]
        assert sorted(listed) == sorted(expected + gamma), "tools.allow is about tools; scopes are about prompts too"
        async with await caller.wire() as wire:
            for server in ("workbench", "beta", "delta", "plain", "off"):
                for own in ("greet", "odd.prompt", "farewell"):
                    shown = f"{server}__{own.replace('.', '_')}" in listed
                    for alias in aliases(server, own):
                        reply = await caller.ask("prompts/get", {"name": alias, "arguments": {"who": "me"}}, wire=wire)
                        if shown:
                            said = reply.result["messages"][0]["content"]["text"]
                            assert said == f'{server} {own} {{"who": "me"}}'
                        else:
                            assert reply.error["code"] == -32602


@pytest.mark.requirement("access.tools")
async def test_resources_answer_exactly_where_they_are_listed(client: MakeCaller, era: str) -> None:
    for key in (WIDE, NARROW, NOBODY):
        caller = client(key, era)
        listed = names(await list_of(caller, "resources/list", "resources"), "uri")
        async with await caller.wire() as wire:
            for server in ("workbench", "beta", "gamma", "delta"):
                for own in ("one", "two", "item/7", "file/a/b"):
                    uri = f"workbench://{server}/{own}"
                    reply = await caller.ask("resources/read", {"uri": uri}, wire=wire)
                    shown = key == WIDE or (key == NARROW and server == "workbench")
                    assert (uri in listed) == (shown and "/" not in own)
                    if shown:
                        assert reply.result["contents"][0]["text"] == f"{server} holds {uri}"
                    else:
                        assert reply.error["code"] in (-32602, -32002), (key, uri)
                        assert reply.status == (400 if era == "modern" else 200)


@pytest.mark.requirement("cache.access")
async def test_a_hidden_resource_and_a_missing_one_look_the_same(client: MakeCaller, era: str) -> None:
    caller = client(NARROW, era)
    hidden = await caller.ask("resources/read", {"uri": "workbench://delta/one"})
    missing = await caller.ask("resources/read", {"uri": "workbench://delte/one"})
    assert json.dumps(hidden.error).replace("delta", "X") == json.dumps(missing.error).replace("delte", "X")


@pytest.mark.requirement("access.completions")
async def test_completion_follows_the_same_rule(client: MakeCaller, era: str) -> None:
    argument = {"name": "who", "value": "a"}
    hidden = {"ref": {"type": "ref/prompt", "name": "delta__greet"}, "argument": argument}
    shown = {"ref": {"type": "ref/prompt", "name": "workbench__greet"}, "argument": argument}
    caller = client(NARROW, era)
    assert (await caller.ask("completion/complete", hidden)).error["code"] == -32602
    assert (await caller.ask("completion/complete", shown)).result["completion"]["values"][0] == "a!"


async def test_one_servers_endpoint_follows_the_same_rule(client: MakeCaller, era: str) -> None:
    caller = client(NARROW, era, path="/servers/beta/mcp")
    assert names((await caller.ask("tools/list")).result["tools"]) == ["mirror"]
    assert (await caller.ask("resources/list")).result["resources"] == []
    assert_unknown(await caller.call("sized", {"size": 1}), "sized", era)
    assert_unknown(await caller.call("workbench__mirror"), "workbench__mirror", era)


async def test_a_server_one_may_not_see_has_no_endpoint(client: MakeCaller, era: str) -> None:
    for server in ("delta", "off", "nowhere", "Workbench"):
        caller = client(NARROW, era, path=f"/servers/{server}/mcp")
        raw = json.dumps(caller.body("tools/list", None, 1)).encode()
        answer = await caller.post(raw, caller.headers("tools/list"))
        assert (answer.status, answer.body) == (404, b'{"error":"not_found","error_description":"Not found"}'), server
