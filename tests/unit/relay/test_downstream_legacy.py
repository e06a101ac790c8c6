"""Neutral outcomes as a legacy client gets them."""

import json

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Hint
from app.relay.downstream_legacy import HUNG_UP, list_frame, status, to_error, to_item, to_result
from app.relay.events import Detached, PeerError, Result


def test_a_legacy_servers_result_passes_byte_for_byte() -> None:
    raw = b'{ "content" : [], "resultType":"mine", "x":1.0 }'
    assert to_result("tools/call", Result(msgspec.Raw(raw), Era.LEGACY)) == raw


def test_a_modern_servers_result_loses_what_this_era_does_not_know_and_nothing_else() -> None:
    kept = {"content": [], "structuredContent": {"a": 1}, "_meta": {"k": 1}}
    raw = msgspec.json.encode({"resultType": "complete", "ttlMs": 5, "cacheScope": "public", **kept})
    assert json.loads(to_result("tools/call", Result(msgspec.Raw(raw), Era.MODERN))) == kept


def test_structured_content_that_is_no_object_is_left_to_the_text() -> None:
    raw = b'{"resultType":"complete","content":[{"type":"text","text":"[1]"}],"structuredContent":[1]}'
    assert "structuredContent" not in json.loads(to_result("tools/call", Result(msgspec.Raw(raw), Era.MODERN)))


def test_an_output_schema_that_is_no_object_is_not_listed() -> None:
    array = {"name": msgspec.Raw(b'"a"'), "outputSchema": msgspec.Raw(b'{"type":"array"}')}
    thing = {"name": msgspec.Raw(b'"a"'), "outputSchema": msgspec.Raw(b'{"type":"object"}')}
    assert set(to_item(array)) == {"name"}
    assert to_item(thing) is thing


def test_a_client_that_hangs_up_has_not_cancelled() -> None:
    assert Detached() == HUNG_UP


def test_lists_and_statuses_are_those_of_this_era() -> None:
    assert list_frame("tools", Hint(5, public=True)) == (b'{"tools":', b"}")
    assert status(Fault(Kind.METHOD_NOT_FOUND, "no")) == 200
    assert status(Fault(Kind.UNKNOWN_SESSION, "no")) == 404


def needs(**capabilities: object) -> PeerError:
    data = {"requiredCapabilities": capabilities}
    return PeerError(msgspec.Raw(msgspec.json.encode({"code": -32021, "message": "m", "data": data})))


def test_a_capability_that_no_legacy_client_could_declare_is_a_failed_call_that_names_it() -> None:
    told = to_error("tools/call", needs(extensions={"io.modelcontextprotocol/tasks": {}}, sampling={}))
    assert isinstance(told, Result)
    found = json.loads(bytes(told.raw))
    assert found["isError"]
    assert found["content"][0]["text"].endswith(": sampling, io.modelcontextprotocol/tasks.")


def test_elsewhere_than_in_a_call_it_is_an_error_and_other_errors_pass() -> None:
    fault = to_error("prompts/get", needs(roots={}))
    assert isinstance(fault, Fault)
    assert (fault.row.code, "roots" in fault.message) == (-32603, True)
    assert to_error("tools/call", PeerError(msgspec.Raw(b'{"code":-32000,"message":"m"}'))) is None


@pytest.mark.requirement("messages.unknown_type")
def test_a_result_of_a_kind_of_its_own_is_no_answer_in_this_era() -> None:
    raw = msgspec.Raw(b'{"resultType":"hologram","content":[]}')
    found = to_result("tools/call", Result(raw, Era.MODERN))
    assert isinstance(found, Fault)
    assert found.kind is Kind.PROTOCOL


@pytest.mark.requirement("messages.absent_type")
def test_a_result_that_lacks_its_kind_is_an_answer() -> None:
    assert to_result("tools/call", Result(msgspec.Raw(b'{"content":[]}'), Era.MODERN)) == b'{"content":[]}'
