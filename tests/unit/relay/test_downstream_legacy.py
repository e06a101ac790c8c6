"""Neutral outcomes as a legacy client gets them."""

import json

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.downstream_legacy import HUNG_UP, list_result, status, to_item, to_result
from app.relay.events import Detached, Result


def test_a_legacy_servers_result_passes_byte_for_byte() -> None:
    raw = b'{ "content" : [], "resultType":"mine", "x":1.0 }'
    assert to_result(Result(msgspec.Raw(raw), Era.LEGACY)) == raw


def test_a_modern_servers_result_loses_what_this_era_does_not_know_and_nothing_else() -> None:
    kept = {"content": [], "structuredContent": {"a": 1}, "_meta": {"k": 1}}
    raw = msgspec.json.encode({"resultType": "complete", "ttlMs": 5, "cacheScope": "public", **kept})
    assert json.loads(to_result(Result(msgspec.Raw(raw), Era.MODERN))) == kept


def test_structured_content_that_is_no_object_is_left_to_the_text() -> None:
    raw = b'{"resultType":"complete","content":[{"type":"text","text":"[1]"}],"structuredContent":[1]}'
    assert "structuredContent" not in json.loads(to_result(Result(msgspec.Raw(raw), Era.MODERN)))


def test_an_output_schema_that_is_no_object_is_not_listed() -> None:
    array = {"name": msgspec.Raw(b'"a"'), "outputSchema": msgspec.Raw(b'{"type":"array"}')}
    thing = {"name": msgspec.Raw(b'"a"'), "outputSchema": msgspec.Raw(b'{"type":"object"}')}
    assert set(to_item(array)) == {"name"}
    assert to_item(thing) is thing


def test_a_client_that_hangs_up_has_not_cancelled() -> None:
    assert Detached() == HUNG_UP


def test_lists_and_statuses_are_those_of_this_era() -> None:
    assert list_result("tools", b"[]") == b'{"tools":[]}'
    assert status(Fault(Kind.METHOD_NOT_FOUND, "no")) == 200
    assert status(Fault(Kind.UNKNOWN_SESSION, "no")) == 404
