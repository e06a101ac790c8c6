"""Neutral outcomes as a modern client gets them."""

import json

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.meta import IDENTITY, SERVER_INFO
from app.protocol.versions import Era
from app.relay.catalog import Hint
from app.relay.downstream_modern import HUNG_UP, list_frame, status, to_error, to_item, to_question, to_result
from app.relay.events import Disconnected, PeerError, Result
from app.relay.questions import Read


def test_a_modern_servers_result_passes_byte_for_byte() -> None:
    raw = b'{ "resultType":"task", "x":1.0 }'
    assert to_result("tools/call", Result(msgspec.Raw(raw), Era.MODERN)) == raw


def test_where_rights_differ_a_modern_result_is_for_its_own_client() -> None:
    raw = b'{"resultType":"complete","contents":[],"ttlMs":5,"cacheScope":"public"}'
    assert to_result("resources/read", Result(msgspec.Raw(raw), Era.MODERN), shared=False) == raw.replace(
        b"public", b"private"
    )


@pytest.mark.requirement("messages.absent_type")
def test_a_result_of_a_modern_server_that_lacks_its_type_is_given_it_and_no_wider_scope() -> None:
    raw = msgspec.Raw(b'{"contents":[],"ttlMs":5,"cacheScope":"public"}')
    result = json.loads(to_result("resources/read", Result(raw, Era.MODERN), shared=False))
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 5, "private")


@pytest.mark.requirement("messages.result_type")
def test_a_legacy_servers_result_is_marked_complete_and_keeps_all_it_has() -> None:
    result = json.loads(to_result("tools/call", Result(msgspec.Raw(b'{"content":[],"x":{"y":1}}'), Era.LEGACY)))
    assert result.pop("_meta") == {SERVER_INFO: IDENTITY}
    assert result == {"resultType": "complete", "content": [], "x": {"y": 1}}


@pytest.mark.parametrize("theirs", ["input_required", "task", "complete", 7])
def test_what_a_legacy_server_happens_to_call_as_this_revision_does_means_nothing_in_its_own(theirs: object) -> None:
    raw = msgspec.json.encode(
        {"contents": [], "resultType": theirs, "requestState": "s", "ttlMs": 60_000, "cacheScope": "public"}
    )
    result = json.loads(to_result("resources/read", Result(msgspec.Raw(raw), Era.LEGACY)))
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")
    assert result["requestState"] == "s", "what this revision does not know of a complete result passes"


def test_the_meta_of_a_result_keeps_what_its_server_wrote_and_says_who_answers() -> None:
    raw = b'{"content":[],"_meta":{"vendor/key":1.0,"io.modelcontextprotocol/serverInfo":{"name":"theirs"}}}'
    text = to_result("tools/call", Result(msgspec.Raw(raw), Era.LEGACY))
    assert b'"vendor/key":1.0' in text
    assert json.loads(text)["_meta"][SERVER_INFO] == IDENTITY


def test_what_may_be_cached_says_for_how_long_and_for_whom() -> None:
    result = json.loads(to_result("resources/read", Result(msgspec.Raw(b'{"contents":[]}'), Era.LEGACY)))
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


@pytest.mark.parametrize("code", [b"-32602", b"-32603", b"-32601", b"-32021", b"-31999", b"-32100", b"1", b"404"])
def test_most_errors_pass_as_they_are(code: bytes) -> None:
    error = PeerError(msgspec.Raw(b'{"code":%b,"message":"m"}' % code))
    assert to_error(error) is error


@pytest.mark.requirement("codes.integers", "codes.undefined", "codes.retired")
@pytest.mark.parametrize("code", [b"0", b"-32000", b"-32019", b"-32023", b"-32042", b"-32099", b'"text"', b"1.5"])
def test_a_code_that_means_nothing_in_this_revision_is_an_internal_error_that_keeps_what_it_was(code: bytes) -> None:
    told = to_error(PeerError(msgspec.Raw(b'{"code":%b,"message":"m","data":[1.0]}' % code)))
    assert isinstance(told, PeerError)
    assert bytes(told.raw) == b'{"code":-32603,"message":"m","data":{"original":{"code":%b,"data":[1.0]}}}' % code


@pytest.mark.requirement("codes.integers")
def test_an_error_without_code_or_message_is_given_them() -> None:
    for raw in (b"{}", b'{"code":5}', b'{"message":"m"}'):
        told = to_error(PeerError(msgspec.Raw(raw)))
        assert isinstance(told, PeerError)
        found = json.loads(bytes(told.raw))
        assert (found["code"], bool(found["message"])) == (-32603, True)


@pytest.mark.requirement("codes.retired", "resources.not_found")
def test_a_resource_that_is_not_found_is_a_wrong_param_in_this_revision() -> None:
    fault = to_error(PeerError(msgspec.Raw(b'{"code":-32002,"message":"m","data":{"uri":"f:///x"}}')))
    assert isinstance(fault, Fault)
    assert fault.kind is Kind.INVALID_PARAMS
    assert msgspec.json.encode(fault.data) == b'{"uri":"f:///x"}'


@pytest.mark.requirement("http.cancelled")
def test_closing_the_response_is_the_cancel() -> None:
    assert Disconnected() == HUNG_UP


def test_lists_items_and_statuses_are_those_of_this_era() -> None:
    result = json.loads(b"[]".join(list_frame("prompts", Hint(5, public=True))))
    assert (result["ttlMs"], result["cacheScope"]) == (5, "public")
    assert (result["resultType"], result["_meta"]) == ("complete", {SERVER_INFO: IDENTITY})
    members = {"outputSchema": msgspec.Raw(b'{"type":"array"}')}
    assert to_item(members) is members
    assert status(Fault(Kind.METHOD_NOT_FOUND, "no")) == 404


def test_an_elicitation_has_no_name_in_this_revision() -> None:
    params = {"mode": msgspec.Raw(b'"url"'), "elicitationId": msgspec.Raw(b'"e7"')}
    assert to_question(Read("elicitation/create", params)).params == {"mode": params["mode"]}
