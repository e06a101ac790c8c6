"""Messages of the wrong kind, unknown methods, odd names, broken modern envelopes (B33 to B37, B40, B43, B44)."""

import json

import pytest

from tests.integration.bad_input.cast import KEY, MODERN_META, MakeCaller, call, refusal, refused, still_works
from tests.support.gateway import Gateway
from tests.support.wire import META, Caller, to_header

NAMES = {
    "long": "x" * 10_000,
    "empty": "",
    "dots": "../../etc/passwd",
    "nul": "a\0b",
    "crlf": "a\r\nX-Injected: yes",
    "proto": "__proto__",
    "rtl": "\u202ebench__whoami",
    "cyrillic": "b\u0435nch__whoami",
    "escape": "\x1b[31mred",
    "quotes": 'a"}\n{"level":"ERROR',
    "emoji": "\U0001f600" * 10,
    "server": "bench__../second__whoami",
    "format": "%s%n{0}${HOME}",
}


@pytest.mark.requirement("http.single")
async def test_a_posted_response_is_refused_in_the_modern_era(client: MakeCaller) -> None:
    for member in ('"result":{}', '"error":{"code":1,"message":"x"}'):
        await refused(client("modern"), f'{{"jsonrpc":"2.0","id":1,{member}}}', 400, -32600)


@pytest.mark.requirement("http.accepted")
async def test_a_good_notification_is_accepted_without_a_word(client: MakeCaller, era: str) -> None:
    caller = client(era)
    for method in ("notifications/cancelled", "notifications/initialized", "notifications/nobody/knows", "x"):
        answer = await caller.notify(method, {"requestId": "nothing"})
        assert (answer.status, answer.body) == (202, b""), method
    await still_works(caller)


@pytest.mark.requirement("http.unaccepted")
@pytest.mark.parametrize(
    "body",
    [
        '{"jsonrpc":"2.0","method":5}',
        '{"jsonrpc":"1.0","method":"notifications/initialized"}',
        '{"jsonrpc":"2.0"}',
        '{"method":"notifications/initialized"}',
        '{"jsonrpc":"2.0","method":""}',
        '{"jsonrpc":"2.0","method":"notifications/initialized","params":5}',
        '{"jsonrpc":"2.0","method":"notifications/initialized","params":[]}',
    ],
)
async def test_a_bad_notification_is_refused_without_an_id(client: MakeCaller, era: str, body: str) -> None:
    message = await refused(client(era), body, 400, -32600, -32602)
    assert message.get("id") is None


@pytest.mark.requirement("methods.unknown")
@pytest.mark.parametrize(
    "method", ["nobody/knows", "tools/List", "tools", "__proto__", "x" * 500, "rpc.discover", "tools/call "]
)
async def test_an_unknown_method_is_told_so(client: MakeCaller, era: str, method: str) -> None:
    caller = client(era)
    raw = json.dumps(caller.body(method, {}, 9))
    headers = [(name, to_header(method) if name == "Mcp-Method" else value) for name, value in caller.headers(method)]
    answer = await caller.post(raw.encode(), headers)
    # A value that needs encoding may also be refused as a header that differs.
    codes = (-32601,) if era == "legacy" or method == method.strip() else (-32601, -32020)
    message = answer.json()
    assert message["error"]["code"] in codes
    assert message["id"] == 9
    expected = 200 if era == "legacy" else {-32601: 404, -32020: 400}[message["error"]["code"]]
    assert answer.status == expected
    await still_works(caller)


@pytest.mark.requirement("methods.unknown")
@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]
)
async def test_what_the_modern_revision_removed_is_an_unknown_method_there(client: MakeCaller, method: str) -> None:
    caller = client("modern")
    reply = await caller.ask(method, {"uri": "workbench://bench/one", "level": "info"})
    assert (reply.status, reply.error["code"]) == (404, -32601)
    await still_works(caller)


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen"])
async def test_what_the_modern_revision_added_is_an_unknown_method_before(client: MakeCaller, method: str) -> None:
    caller = client("legacy")
    reply = await caller.ask(method, {})
    assert (reply.status, reply.error["code"]) == (200, -32601)
    await still_works(caller)


@pytest.mark.parametrize("given", NAMES)
@pytest.mark.parametrize("method", ["tools/call", "prompts/get"])
async def test_an_odd_name_is_an_unknown_name_and_nothing_else(
    client: MakeCaller, era: str, given: str, method: str
) -> None:
    caller, name = client(era), NAMES[given]
    raw = json.dumps(caller.body(method, {"name": name, "arguments": {}}, 1))
    answer = await caller.post(raw.encode(), caller.headers(method, {"name": name}))
    if era == "modern" and given == "long":
        # Its mirror is a header longer than any header may be.
        assert answer.status in (400, 414, 431), answer.status
        answer.json()
    else:
        message = refusal(answer, 400 if era == "modern" else 200, -32602)
        assert message["id"] == 1
        assert len(answer.body) < 1000
    assert answer.header("x-injected") is None
    await still_works(caller)


@pytest.mark.parametrize("name", ["null", "5", "{}", "[]", None])
@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
async def test_a_name_that_is_no_text_is_refused(client: MakeCaller, era: str, name: str | None, method: str) -> None:
    caller = client(era)
    body = caller.body(method, {}, 1)
    if name is not None:
        member = "uri" if method == "resources/read" else "name"
        body.setdefault("params", {})[member] = json.loads(name)
    headers = [pair for pair in caller.headers(method) if pair[0] != "Mcp-Name"]
    answer = await caller.post(json.dumps(body).encode(), headers)
    refusal(answer, 400 if era == "modern" else 200, -32602, -32020)
    await still_works(caller)


@pytest.mark.parametrize("given", NAMES)
async def test_an_odd_server_in_the_path_is_the_one_404(client: MakeCaller, given: str) -> None:
    caller = client()
    path = "".join(f"%{octet:02x}" for octet in NAMES[given][:500].encode())
    answer = await caller.post(call(caller).encode(), path=f"/servers/{path}/mcp")
    assert answer.status in (400, 404), answer
    answer.json()
    await still_works(caller)


def without(caller: Caller, *names: str) -> list[tuple[str, str]]:
    return [pair for pair in caller.headers("tools/call", {"name": "bench__whoami"}) if pair[0] not in names]


@pytest.mark.requirement("http.mirror")
@pytest.mark.parametrize(
    ("drop", "add"),
    [
        ("Mcp-Method", []),
        ("Mcp-Name", []),
        ("MCP-Protocol-Version", []),
        ("Mcp-Method", [("Mcp-Method", "tools/list")]),
        ("Mcp-Method", [("Mcp-Method", "Tools/Call")]),
        ("Mcp-Method", [("Mcp-Method", "")]),
        ("Mcp-Name", [("Mcp-Name", "second__whoami")]),
        ("Mcp-Name", [("Mcp-Name", "BENCH__WHOAMI")]),
        ("Mcp-Name", [("Mcp-Name", "")]),
        ("Mcp-Name", [("Mcp-Name", "=?base64?!!?=")]),
        ("Mcp-Name", [("Mcp-Name", "=?base64?YmVuY2hfX3dob2FtaQ?=")]),
        ("Mcp-Name", [("Mcp-Name", "=?base64?/w==?=")]),
        ("", [("Mcp-Method", "tools/call")]),
        ("", [("Mcp-Name", "bench__whoami")]),
        ("", [("mcp-name", "second__whoami")]),
        ("", [("MCP-Protocol-Version", "2026-07-28")]),
        ("", [("MCP-Protocol-Version", "2025-11-25")]),
    ],
)
async def test_a_routing_header_wrong_missing_or_doubled_is_a_mismatch(
    client: MakeCaller, drop: str, add: list[tuple[str, str]]
) -> None:
    caller = client("modern")
    message = await refused(caller, call(caller, ident='"h"'), 400, -32020, headers=without(caller, drop) + add)
    assert message["id"] == "h"


@pytest.mark.requirement("http.version")
async def test_header_and_body_of_two_revisions_are_a_mismatch(client: MakeCaller) -> None:
    caller = client("modern")
    raw = call(caller).replace("2026-07-28", "2025-11-25")
    await refused(caller, raw, 400, -32020)


@pytest.mark.requirement("http.decoded")
@pytest.mark.parametrize("value", ["bench__whoami  ", "\tbench__whoami", "=?base64?YmVuY2hfX3dob2FtaQ==?="])
async def test_white_space_around_and_base64_of_a_routing_header_are_the_same_value(
    client: MakeCaller, value: str
) -> None:
    caller = client("modern")
    answer = await caller.post(call(caller).encode(), [*without(caller, "Mcp-Name"), ("Mcp-Name", value)])
    assert answer.status == 200, answer.body


@pytest.mark.requirement("http.unsupported")
async def test_a_revision_of_ten_kilobytes_is_as_unknown_as_a_short_one(client: MakeCaller) -> None:
    caller, version = client("modern"), "9" * 10_000
    headers = [(n, version if n == "MCP-Protocol-Version" else v) for n, v in caller.headers("tools/list")]
    body = {**caller.body("tools/list", None, "v"), "params": {"_meta": {META + "protocolVersion": version}}}
    answer = await caller.post(json.dumps(body).encode(), headers)
    assert refusal(answer, 400, -32022)["error"]["data"]["supported"]
    await still_works(caller)


@pytest.mark.requirement("http.unsupported")
@pytest.mark.parametrize(
    "version", ["1900-01-01", "2027-01-01", "2026-07-28, 2025-11-25", "draft", "\xe9", "2026-07-28x"]
)
async def test_an_unknown_revision_is_told_which_ones_there_are(client: MakeCaller, version: str) -> None:
    caller = client("modern")
    known = (await caller.ask("server/discover")).result["supportedVersions"]
    meta = json.dumps({**MODERN_META, META + "protocolVersion": version}, ensure_ascii=False)
    raw = f'{{"jsonrpc":"2.0","id":"v","method":"tools/list","params":{{"_meta":{meta}}}}}'
    headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {KEY}"), ("Mcp-Method", "tools/list")]
    answer = await caller.post(raw.encode(), [*headers, ("MCP-Protocol-Version", version)])
    message = refusal(answer, 400, -32022)
    assert message["id"] == "v"
    data = message["error"]["data"]
    assert data["supported"]
    assert set(data["supported"]) <= set(known)
    assert "requested" in data
    await still_works(caller)


@pytest.mark.requirement("http.unsupported")
async def test_an_unknown_revision_in_the_header_alone_is_told_the_same(client: MakeCaller) -> None:
    caller = client("legacy", version="1900-01-01")
    reply = await caller.ask("tools/list")
    assert (reply.status, reply.error["code"]) == (400, -32022)
    await still_works(caller)


async def test_a_revision_of_ten_kilobytes_in_the_header_alone_is_told_the_same(client: MakeCaller) -> None:
    caller = client("legacy", version="2" * 10_000)
    reply = await caller.ask("tools/list")
    assert (reply.status, reply.error["code"]) == (400, -32022)
    await still_works(client("legacy"))


@pytest.mark.requirement("messages.meta")
@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {META + "protocolVersion": "2026-07-28"},
        {META + "clientCapabilities": {}},
        {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": 5},
        {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": None},
        {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": []},
        {META + "protocolVersion": 20260728, META + "clientCapabilities": {}},
        {META + "protocolVersion": None, META + "clientCapabilities": {}},
        [],
        "text",
    ],
)
async def test_an_incomplete_envelope_is_refused_as_invalid_params(client: MakeCaller, meta: object) -> None:
    caller = client("modern")
    body = {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "bench__whoami", "arguments": {}}}
    if meta is not None:
        body["params"]["_meta"] = meta  # type: ignore[index]
    message = await refused(caller, json.dumps(body), 400, -32602)
    assert message["id"] == 4


async def test_client_info_may_be_missing_or_there(client: MakeCaller) -> None:
    caller = client("modern")
    info = {META + "clientInfo": {"name": "x", "version": "1"}}
    assert (await caller.ask("tools/list", {"_meta": info})).status == 200
    assert (await caller.ask("tools/list")).status == 200


@pytest.mark.requirement("progress.tokens")
@pytest.mark.parametrize("token", ["null", "true", "{}", "[]", '{"a":1}'])
async def test_a_progress_token_that_is_no_text_and_no_number_is_refused(
    client: MakeCaller, era: str, token: str
) -> None:
    caller = client(era)
    meta = {**(MODERN_META if era == "modern" else {}), "progressToken": json.loads(token)}
    params = {"name": "bench__whoami", "arguments": {}, "_meta": meta}
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    answer = await caller.post(raw.encode(), caller.headers("tools/call", params))
    refusal(answer, 400 if era == "modern" else 200, -32602)
    await still_works(caller)


@pytest.mark.requirement("http.version")
async def test_a_modern_envelope_without_the_header_is_a_mismatch(client: MakeCaller) -> None:
    caller = client("modern")
    headers = [pair for pair in without(caller) if pair[0] in ("Content-Type", "Accept", "Authorization")]
    await refused(caller, call(caller), 400, -32020, headers=headers)


async def test_nothing_sent_breaks_a_line_of_the_log_or_leaves_a_key_there(
    gateway: Gateway, client: MakeCaller
) -> None:
    caller = client()
    for name in NAMES.values():
        await caller.call(name)
    agent = [*caller.headers("ping"), ("User-Agent", '"}\x1b[31m{"level":"ERROR"}\xff')]
    await caller.post(b"{", agent)
    await caller.post(
        b"{", [("Content-Type", "application/json"), ("Authorization", "Bearer a-wrong-key-nobody-may-see")]
    )
    await still_works(caller)
    lines = gateway.log().splitlines()
    for line in lines:
        assert isinstance(json.loads(line), dict), line
    text = "\n".join(lines)
    assert KEY not in text
    assert "a-wrong-key-nobody-may-see" not in text
    assert "Traceback" not in text
