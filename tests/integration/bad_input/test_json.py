"""Bodies that are not JSON, not one message, or not of this world (RELIABILITY.md B24 to B32)."""

import json
import time

import pytest

from tests.integration.bad_input.cast import MakeCaller, call, refused, still_works
from tests.support.pace import kept

PARSE, INVALID = -32700, -32600


@pytest.mark.requirement("messages.utf8")
@pytest.mark.parametrize(
    "octets",
    [b"\xff", b"\xc3", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xa0\x81\xed\xb0\x80", b"\xf5\x80\x80\x80"],
    ids=["stray", "cut", "overlong-2", "overlong-3", "surrogate", "cesu-pair", "beyond-unicode"],
)
@pytest.mark.parametrize("place", ["argument", "key", "name", "method"])
async def test_bytes_that_are_not_utf8_are_a_parse_error(
    client: MakeCaller, era: str, octets: bytes, place: str
) -> None:
    caller = client(era)
    good = call(caller, '{"in":"ARGUMENT","KEY":{"deep":["x"]}}').encode()
    target = {"argument": b"ARGUMENT", "key": b"KEY", "name": b"bench__whoami", "method": b"tools/call"}[place]
    await refused(caller, good.replace(target, octets), 400, PARSE)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\udfff\\ud800", "\\ud83d x", "x\\uD83Dy"])
@pytest.mark.parametrize("place", ["argument", "key", "name", "deep"])
async def test_half_a_surrogate_pair_is_a_parse_error(client: MakeCaller, era: str, escape: str, place: str) -> None:
    caller = client(era)
    good = call(caller, '{"in":"ARGUMENT","KEY":{"d":[{"e":["DEEP"]}]}}')
    target = {"argument": "ARGUMENT", "key": "KEY", "name": "bench__whoami", "deep": "DEEP"}[place]
    await refused(caller, good.replace(target, escape), 400, PARSE)


async def test_a_whole_surrogate_pair_is_a_character(client: MakeCaller, era: str) -> None:
    caller = client(era)
    raw = call(caller, '{"in":"\\ud83d\\ude00 \\\\ud800"}', name="bench__mirror")
    answer = await caller.post(raw.encode(), caller.headers("tools/call", {"name": "bench__mirror"}))
    assert answer.status == 200, answer.body
    seen = json.loads(answer.json()["result"]["content"][0]["text"])
    assert seen["params"]["arguments"]["in"] == "😀 \\ud800"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"k":', "}")], ids=["arrays", "objects"])
async def test_nesting_of_128_is_read_and_of_129_refused(
    client: MakeCaller, era: str, opening: str, closing: str
) -> None:
    caller = client(era)

    def nested(levels: int) -> str:
        # The message, its params and the arguments are three levels.
        inside = levels - 3
        return call(caller, f'{{"in":{opening * inside}{"0" if inside else ""}{closing * inside}}}')

    answer = await caller.post(nested(128).encode(), caller.headers("tools/call", {"name": "bench__whoami"}))
    assert answer.status == 200, answer.body
    for levels in (129, 1000, 100_000):
        await refused(caller, nested(levels), 400, INVALID)


@pytest.mark.parametrize("body", ["[" * 500_000, '{"a":' * 100_000, "[" * 129 + "]" * 129])
async def test_brackets_without_end_are_refused(client: MakeCaller, era: str, body: str) -> None:
    await refused(client(era), body, 400, INVALID, PARSE)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200 + b'"' + b'\\"' * 400_000,
        b'{"a":"' + (b"1" * 999 + b" ") * 900 + b'"}',
        b'{"a":' + b"1" * 1000 + b',"' + b'\\"' * 400_000,
        b"[{" * 400_000,
        b'{"a" : [' + b"[],{}," * 100_000 + b'"' + b"e999" * 50_000,
    ],
    ids=["string", "digits", "number-and-string", "brackets", "mixed"],
)
async def test_a_body_made_to_be_slow_is_refused_at_once(client: MakeCaller, era: str, body: bytes) -> None:
    began = time.monotonic()
    await refused(client(era), body, 400, INVALID, PARSE)
    assert kept(time.monotonic() - began, 2)


async def test_brackets_inside_a_text_are_only_text(client: MakeCaller, era: str) -> None:
    caller = client(era)
    raw = call(caller, '{"in":"%s"}' % ("[{" * 500))
    answer = await caller.post(raw.encode(), caller.headers("tools/call", {"name": "bench__whoami"}))
    assert answer.status == 200


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E+400", "01", "+1", ".5", "0x10"]
)
@pytest.mark.parametrize("place", ["id", "argument", "deep"])
async def test_what_is_not_a_number_is_a_parse_error(client: MakeCaller, era: str, number: str, place: str) -> None:
    caller = client(era)
    arguments = {"argument": f'{{"n":{number}}}', "deep": f'{{"a":[{{"b":[1,{number}]}}]}}'}.get(place, "{}")
    raw = call(caller, arguments, ident=number if place == "id" else "1")
    await refused(caller, raw, 400, PARSE)


@pytest.mark.parametrize("place", ["id", "argument"])
async def test_an_integer_of_five_thousand_digits_is_refused(client: MakeCaller, era: str, place: str) -> None:
    caller = client(era)
    digits = "9" * 5000
    raw = call(caller, ident=digits) if place == "id" else call(caller, f'{{"n":{digits}}}')
    await refused(caller, raw, 400, PARSE, INVALID)


@pytest.mark.requirement("messages.id")
@pytest.mark.parametrize(
    "ident", [str(2**53 + 1), str(2**70), "1.0", "-0", "0", "-1", '"1"', '""', '"\\u00e9\\n"', "1e2"]
)
async def test_an_id_comes_back_equal_to_the_one_sent(client: MakeCaller, era: str, ident: str) -> None:
    caller = client(era)
    answer = await caller.post(
        call(caller, ident=ident).encode(), caller.headers("tools/call", {"name": "bench__whoami"})
    )
    assert answer.status == 200, answer.body
    back, sent = answer.json()["id"], json.loads(ident)
    assert back == sent
    assert isinstance(back, str) == isinstance(sent, str)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\r\n\t ",
        b"\xef\xbb\xbf{BODY}",
        b"{UTF16}",
        b"\xff\xfe{UTF16}",
        b"{BODY}x",
        b"{BODY}{BODY}",
        b"{BODY}\n{BODY}",
        b"{CUT}",
        b"{",
        b'{"jsonrpc":"2.0",}',
        b"{'jsonrpc':'2.0'}",
        b'{"jsonrpc":"2.0" "id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"/**/}',
        b'{"jsonrpc":"2.0","id":1,"method":"pi\nng"}',
        b'{"jsonrpc":"2.0","id":1,"method":"\\x"}',
        b"\x00",
        b"id=1&method=ping",
        b"<xml/>",
    ],
)
async def test_what_is_not_one_json_document_is_a_parse_error(client: MakeCaller, era: str, body: bytes) -> None:
    caller = client(era)
    good = call(caller)
    for place, value in (
        (b"{BODY}", good.encode()),
        (b"{UTF16}", good.encode("utf-16-le")),
        (b"{CUT}", good[:-1].encode()),
    ):
        body = body.replace(place, value)
    await refused(caller, body, 400, PARSE)


@pytest.mark.requirement("http.single")
@pytest.mark.parametrize("body", ["null", "true", "0", "-1.5", '"text"', '"{}"', "{}"])
async def test_json_that_is_no_message_is_an_invalid_request(client: MakeCaller, era: str, body: str) -> None:
    await refused(client(era), body, 400, INVALID)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("size", [0, 1, 2, 10_000])
async def test_a_batch_is_refused_since_2025_06_18(client: MakeCaller, version: str, size: int) -> None:
    caller = client("modern" if version == "2026-07-28" else "legacy", version=version)
    await refused(caller, "[" + ",".join(['{"jsonrpc":"2.0","id":1,"method":"ping"}'] * size) + "]", 400, INVALID)


@pytest.mark.requirement("messages.jsonrpc")
@pytest.mark.parametrize("given", ['"1.0"', '"2"', "2.0", "2", "null", '["2.0"]', '" 2.0"', '"2.0 "', ""])
async def test_another_jsonrpc_is_an_invalid_request(client: MakeCaller, era: str, given: str) -> None:
    caller = client(era)
    replacement = f'"jsonrpc":{given},' if given else ""
    message = await refused(caller, call(caller).replace('"jsonrpc":"2.0",', replacement), 400, INVALID)
    assert message.get("id", 1) == 1


@pytest.mark.requirement("messages.null_id")
@pytest.mark.parametrize("ident", ["null", "true", "false", "{}", '{"a":1}', "[]", "[1]"])
async def test_an_id_that_is_no_text_and_no_number_is_an_invalid_request(
    client: MakeCaller, era: str, ident: str
) -> None:
    caller = client(era)
    message = await refused(caller, call(caller, ident=ident), 400, INVALID)
    assert message.get("id") is None


@pytest.mark.parametrize("method", ["null", "1", "[]", "{}", "true"])
async def test_a_method_that_is_no_text_is_an_invalid_request(client: MakeCaller, era: str, method: str) -> None:
    caller = client(era)
    await refused(caller, call(caller).replace('"tools/call"', method), 400, INVALID)


@pytest.mark.parametrize("params", ["[]", '["a"]', "1", '"text"', "null", "true"])
async def test_params_that_are_no_object_are_refused(client: MakeCaller, era: str, params: str) -> None:
    caller = client(era)
    raw = f'{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}'
    answer = await caller.post(raw.encode(), caller.headers("tools/list"))
    assert answer.status in (200, 400)
    assert answer.json()["error"]["code"] in (-32600, -32602)
    assert answer.json()["id"] == 1
    await still_works(caller)


@pytest.mark.parametrize(
    "twice",
    [
        ('"id":1', '"id":1,"id":2'),
        ('"method":', '"method":"ping","method":'),
        ('"jsonrpc":"2.0"', '"jsonrpc":"2.0","jsonrpc":"2.0"'),
        ('"name":', '"name":"second__whoami","name":'),
        ('"name":', '"n\\u0061me":"second__whoami","name":'),
        ('"params":', '"params":{},"params":'),
    ],
)
async def test_a_member_given_twice_is_refused(client: MakeCaller, era: str, twice: tuple[str, str]) -> None:
    """Readers of the first and of the last copy would disagree about what was allowed."""
    caller = client(era)
    answer = await caller.post(
        call(caller).replace(*twice).encode(), caller.headers("tools/call", {"name": "bench__whoami"})
    )
    assert answer.json()["error"]["code"] in (-32600, -32602, -32700), answer.body
    await still_works(caller)
