"""What the gateway does not know passes as it was written, in both directions and both eras."""

import json
import re

import pytest

from tests.integration.relay.cast import MakeCaller
from tests.support.servers import workbench as bench
from tests.support.wire import META, Caller

# Numbers and escapes that decoding and encoding again would change.
ODD = (
    '{"float":1.0,"exponent":1e2,"big":123456789012345678901234567890,"escaped":"\\u00e9\\/","b":1,"a":[null,{},[]],'
    '"text":"naïve 😀"}'
)


async def mirrored(caller: Caller, params: str) -> tuple[str, bytes]:
    """Calls the mirror with params written by hand: the line the server saw, and the bytes that came back."""
    raw = f'{{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{params}}}'
    answer = await caller.post(raw.encode(), caller.headers("tools/call", {"name": "workbench__mirror"}))
    assert answer.status == 200, answer
    return answer.json()["result"]["content"][0]["text"], answer.body


def envelope(caller: Caller, more: str = "") -> str:
    if caller.era == "legacy":
        return f'{{{more}"progressToken":"t"}}'
    return f'{{{more}"{META}protocolVersion":"2026-07-28","{META}clientCapabilities":{{}}}}'


async def test_arguments_and_unknown_params_reach_the_server_as_written(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    params = f'{{"name":"workbench__mirror","arguments":{ODD},"vendorParam":{ODD},"_meta":{envelope(caller)}}}'
    line, _ = await mirrored(caller, params.replace('"progressToken":"t"', ""))
    assert f'"arguments":{ODD}' in line
    assert f'"vendorParam":{ODD}' in line
    assert json.loads(line)["params"]["name"] == "mirror"


@pytest.mark.requirement("meta.passed")
async def test_meta_of_the_client_reaches_the_server_and_the_envelope_of_the_era_does_not(
    client: MakeCaller, era: str
) -> None:
    caller = client(era=era)
    meta = envelope(caller, f'"vendor/key":{ODD},"traceparent":"00-1-2-01",').replace('"progressToken":"t"', '"z":1')
    line, _ = await mirrored(caller, f'{{"name":"workbench__mirror","arguments":{{}},"_meta":{meta}}}')
    assert f'"vendor/key":{ODD}' in line
    received = json.loads(line)["params"]["_meta"]
    assert received["traceparent"] == "00-1-2-01"
    assert not [key for key in received if key.startswith(META)], "the workbench is a legacy server"


@pytest.mark.requirement("progress.minted")
async def test_a_progress_token_is_replaced_by_one_of_our_own(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    reply = await caller.call("workbench__mirror", _meta={"progressToken": "the client's own"})
    seen = json.loads(reply.text)["params"]["_meta"]["progressToken"]
    assert seen != "the client's own"


async def test_structured_content_meta_and_unknown_fields_of_a_result_come_back_as_written(
    client: MakeCaller, era: str
) -> None:
    caller = client(era=era)
    meta = envelope(caller).replace('"progressToken":"t"', "")
    _, body = await mirrored(caller, f'{{"name":"workbench__mirror","arguments":{{}},"_meta":{meta}}}')
    text = body.decode()
    for member in ("structuredContent", "vendor/key", "vendorField"):
        assert re.search(f'"{member}": ?' + re.escape(bench.UNTOUCHED), text), member
    content = json.loads(body)["result"]["content"]
    assert content[0]["vendor"] == {"a": [1]}
    assert content[1] == {"type": "vendor/unknown", "x": 1}


@pytest.mark.requirement("messages.result_type")
async def test_a_modern_client_gets_what_its_revision_requires_of_a_result(client: MakeCaller) -> None:
    result = (await client(era="modern").call("workbench__mirror")).result
    assert result["resultType"] == "complete"
    assert result["_meta"][META + "serverInfo"]["name"]
    assert result["_meta"]["vendor/key"]["empty"] == {}


async def test_a_legacy_client_gets_nothing_foreign(client: MakeCaller) -> None:
    result = (await client().call("workbench__mirror")).result
    assert "resultType" not in result
    assert set(result["_meta"]) == {"vendor/key"}
    listed = (await client().ask("tools/list")).result
    assert set(listed) == {"tools"}


async def test_unknown_fields_of_listed_things_come_through(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    tools = {item["name"]: item for item in (await caller.ask("tools/list")).result["tools"]}
    assert tools["workbench__mirror"] == {**bench.TOOLS[0], "name": "workbench__mirror"}
    prompts = {item["name"]: item for item in (await caller.ask("prompts/list")).result["prompts"]}
    assert prompts["workbench__greet"] == {**bench.PROMPTS[0], "name": "workbench__greet"}
    resources = {item["uri"]: item for item in (await caller.ask("resources/list")).result["resources"]}
    assert resources["workbench://workbench/one"]["vendor"] is True


async def test_a_failing_tool_is_the_servers_own_word(client: MakeCaller, era: str) -> None:
    reply = await client(era=era).call("workbench__fail")
    assert reply.status == 200
    assert reply.result["isError"] is True
    assert reply.text == "it failed"


async def test_an_error_of_a_server_passes_with_its_code_and_data(client: MakeCaller, era: str) -> None:
    reply = await client(era=era).call("workbench__error")
    assert reply.status == 200
    expected = {"code": -31999, "message": "the workbench refuses", "data": {"vendor": [1.0, {"deep": None}]}}
    assert reply.error == expected


@pytest.mark.requirement("messages.id")
async def test_the_id_comes_back_as_it_was_sent(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    for ident in ("1", 1, "", "ü 😀", 2**53 + 1, 2**70, -7, "x" * 200):
        reply = await caller.ask("tools/call", {"name": "workbench__whoami", "arguments": {}}, ident=ident)
        assert type(reply.message["id"]) is type(ident)
