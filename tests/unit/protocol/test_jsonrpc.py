"""One JSON-RPC message out of bytes: what every parser must agree on."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol import jsonrpc
from app.protocol.faults import Kind
from app.protocol.jsonrpc import MAX_DEPTH, Message, Rejection, decode
from tests.support.pace import kept

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":[1,2]}}}'


def call_with(arguments: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":' + arguments + b"}}"


def kind_of(body: bytes) -> Kind:
    found = decode(body)
    assert isinstance(found, Rejection), found
    return found.fault.kind


def test_a_request_is_read_down_to_its_params_and_no_further() -> None:
    message = decode(CALL)
    assert isinstance(message, Message)
    assert (message.method, bytes(message.id), message.is_request) == ("tools/call", b"1", True)
    assert {name: bytes(value) for name, value in message.params.items()} == {
        "name": b'"echo"',
        "arguments": b'{"a":[1,2]}',
    }


def test_what_a_client_writes_with_blanks_stays_as_it_wrote_it() -> None:
    message = decode(call_with(b'{"a": [1,  2],\t"b" : {} }').replace(b'"jsonrpc":', b'"jsonrpc": '))
    assert isinstance(message, Message)
    assert bytes(message.params["arguments"]) == b'{"a": [1,  2],\t"b" : {} }'


def test_a_notification_has_no_id_and_is_no_request() -> None:
    message = decode(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert isinstance(message, Message)
    assert not message.is_request


def test_a_response_has_no_method() -> None:
    message = decode(b'{"jsonrpc":"2.0","id":7,"result":{"a": 1}}')
    assert isinstance(message, Message)
    assert (message.method, message.params) == ("", {})
    assert (bytes(message.result), bytes(message.error)) == (b'{"a": 1}', b"")
    refused = decode(b'{"jsonrpc":"2.0","id":7,"error":{"code":-1}}')
    assert isinstance(refused, Message)
    assert (bytes(refused.result), bytes(refused.error)) == (b"", b'{"code":-1}')


@pytest.mark.parametrize(
    "ident", [b"0", b"9007199254740993", b"1180591620717411303424", b"1.0", b"-0", b'"1"', b'"\\u00e9"']
)
def test_an_id_stays_the_json_it_was(ident: bytes) -> None:
    message = decode(b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % ident)
    assert bytes(message.id) == ident


@pytest.mark.parametrize("ident", [b"null", b"true", b"{}", b"[1]", b'"' + b"x" * 2000 + b'"'])
def test_an_id_of_another_type_is_refused(ident: bytes) -> None:
    assert kind_of(b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % ident) is Kind.INVALID_REQUEST


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\xef\xbb\xbf{}", CALL.decode().encode("utf-16"), b"{", CALL[:-1], CALL + b"x", CALL + CALL,
        call_with(b'"\xff"'), call_with(b'"\xc0\xaf"'), call_with(b'"\xed\xa0\x80"'), call_with(b'"\\ud800"'),
        call_with(b'"\\udc00"'), call_with(b"NaN"), call_with(b"-Infinity"), call_with(b"1e999"),
        call_with(b"[-1e400]"), call_with(b"9" * 5000), call_with(b'"\x01"'), call_with(b"01"), call_with(b"[1,]"),
    ],
)  # fmt: skip
def test_what_is_no_json_that_every_peer_reads_alike_is_a_parse_error(body: bytes) -> None:
    assert kind_of(body) is Kind.PARSE_ERROR


@pytest.mark.parametrize(
    "body", [b"[]", b"[%b]" % CALL, b"[%b]" % b",".join([CALL] * 10_000), b"null", b"1", b'"x"', b"true"]
)
def test_anything_but_one_object_is_an_invalid_request(body: bytes) -> None:
    assert kind_of(body) is Kind.INVALID_REQUEST


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":1,"method":"ping"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":5}',
        b'{"jsonrpc":"2.0","id":1,"method":""}',
    ],
)
def test_an_envelope_that_is_wrong_is_refused_under_its_own_id(body: bytes) -> None:
    found = decode(body)
    assert isinstance(found, Rejection)
    assert (found.fault.kind, bytes(found.id)) == (Kind.INVALID_REQUEST, b"1")


@pytest.mark.parametrize("params", [b"[]", b"1", b"null", b'"x"'])
def test_params_that_are_no_object_are_refused(params: bytes) -> None:
    assert kind_of(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":%b}' % params) is Kind.INVALID_PARAMS


def test_nesting_is_taken_to_the_limit_and_not_one_deeper() -> None:
    inner = MAX_DEPTH - 2  # the envelope and `params` are two
    assert isinstance(decode(call_with(b"[" * inner + b"]" * inner)), Message)
    assert kind_of(call_with(b"[" * (inner + 1) + b"]" * (inner + 1))) is Kind.INVALID_REQUEST
    assert kind_of(call_with(b'{"a":' * 5000 + b"1" + b"}" * 5000)) is Kind.INVALID_REQUEST


def test_brackets_inside_strings_do_not_nest() -> None:
    assert isinstance(decode(call_with(b'"' + b"[{" * 5000 + b'\\""')), Message)


def test_many_siblings_do_not_nest() -> None:
    assert isinstance(decode(call_with(b"[" + b",".join([b"[]"] * 5000) + b"]")), Message)


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","m\\u0065thod":"tools/list"}',
        b'{"jsonrpc":"2.0", "id":1, "method":"ping", "params":{}, "params":{"a":{"b":[1,{"c":2}]}}}',
    ],
)
def test_a_member_given_twice_is_refused(body: bytes) -> None:
    assert kind_of(body) is Kind.INVALID_REQUEST


def test_a_param_given_twice_is_refused() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{},"name":"b"}}'
    assert kind_of(body) is Kind.INVALID_PARAMS


def test_the_same_key_at_different_levels_is_no_repetition() -> None:
    assert isinstance(decode(call_with(b'{"name":{"name":1},"method":2,"id":[{"id":3}]}')), Message)


@pytest.mark.parametrize(
    "arguments",
    [
        b"".join(b"[" + b"1, " * 8_000 for _ in range(120)) + b"1" + b"]" * 120,
        b"[" + b",".join([b"[" * 120 + b"]" * 120] * 12_000) + b"]",
    ],
    ids=["wide at every level", "deep again and again"],
)
def test_a_large_body_of_any_shape_is_judged_in_linear_time(arguments: bytes) -> None:
    began = time.perf_counter()
    assert isinstance(decode(call_with(arguments).replace(b",", b", ")), Message)
    # Far above what it takes: judging each level anew took several times this.
    assert kept(time.perf_counter() - began, 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(
    params=st.dictionaries(st.text(max_size=6), json_values, max_size=5), spaced=st.booleans(), escaped=st.booleans()
)
def test_any_well_formed_request_is_read_however_it_is_spaced_and_escaped(
    params: dict[str, object], spaced: bool, escaped: bool
) -> None:
    request = {"jsonrpc": "2.0", "id": "a", "method": "x/y", "params": params}
    separators = None if spaced else (",", ":")
    message = decode(json.dumps(request, separators=separators, ensure_ascii=escaped).encode("utf-8"))
    assert isinstance(message, Message)
    assert {name: json.loads(bytes(value)) for name, value in message.params.items()} == params


def written(value: object, pairs: dict[str, object], again: str | None) -> str:
    """`pairs` as an object, with the member `again` a second time."""
    members = [*pairs.items()] + ([(again, value)] if again is not None else [])
    return "{" + ", ".join(f"{json.dumps(name)} : {json.dumps(item)}" for name, item in members) + "}"


@given(
    params=st.dictionaries(st.text(max_size=4), json_values, min_size=1, max_size=5),
    value=json_values,
    data=st.data(),
    twice=st.booleans(),
)
def test_a_member_given_twice_is_seen_whatever_is_in_it(
    params: dict[str, object], value: object, data: st.DataObject, twice: bool
) -> None:
    again = data.draw(st.sampled_from(sorted(params))) if twice else None
    body = '{"jsonrpc":"2.0","id":1,"method":"x","params":' + written(value, params, again) + "}"
    assert isinstance(decode(body.encode()), Rejection if twice else Message)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_a_rejection(body: bytes) -> None:
    assert isinstance(decode(body), Message | Rejection)


def test_envelopes_are_written_as_json_rpc_has_them() -> None:
    assert jsonrpc.result(b'"7"', b"{}") == b'{"jsonrpc":"2.0","id":"7","result":{}}'
    assert json.loads(jsonrpc.error(b"", b'{"code":-32700}')) == {"jsonrpc": "2.0", "error": {"code": -32700}}
    assert json.loads(jsonrpc.error(b"1", b"{}"))["id"] == 1
    assert json.loads(jsonrpc.notification("a/b", b"")) == {"jsonrpc": "2.0", "method": "a/b"}
    assert json.loads(jsonrpc.notification("a/b", b'{"c":1}'))["params"] == {"c": 1}


def test_helpers_say_none_for_what_is_not_there_or_of_another_type() -> None:
    assert jsonrpc.members_of(b"[]") is None
    assert jsonrpc.text_of(None) is None
    assert jsonrpc.text_of(b"1") is None
    assert jsonrpc.text_of(b'"x"') == "x"


def test_members_of_a_text_nested_without_end_are_none() -> None:
    assert jsonrpc.members_of(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}") is None


def test_a_batch_is_read_message_by_message() -> None:
    good = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    found = jsonrpc.decode_batch(b"[%b, 7, {}, %b]" % (good, good))
    assert isinstance(found, list)
    first, number, empty, last = found
    assert isinstance(first, Message)
    assert isinstance(last, Message)
    assert (first.method, bytes(first.id)) == ("ping", b"1")
    assert isinstance(number, Rejection)
    assert isinstance(empty, Rejection)
    assert {number.fault.kind, empty.fault.kind} == {Kind.INVALID_REQUEST}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[]", Kind.INVALID_REQUEST),
        (b"[" + b",".join([b"{}"] * (jsonrpc.MAX_BATCH + 1)) + b"]", Kind.INVALID_REQUEST),
        (b"[{}", Kind.PARSE_ERROR),
        (b'["\xff"]', Kind.PARSE_ERROR),
        (b"[" * 200 + b"]" * 200, Kind.INVALID_REQUEST),
    ],
)
def test_what_is_no_batch_is_refused_whole(body: bytes, kind: Kind) -> None:
    found = jsonrpc.decode_batch(body)
    assert isinstance(found, Rejection)
    assert found.fault.kind is kind


def test_an_array_is_told_from_an_object_by_its_first_character() -> None:
    assert jsonrpc.is_array(b"[1]")
    assert jsonrpc.is_array(b" \n[1]")
    assert not jsonrpc.is_array(b'{"a":[]}')
    assert not jsonrpc.is_array(b"")
