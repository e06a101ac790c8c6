"""Log messages: levels, and which server says it."""

import json

import msgspec
import pytest
from mcp_types import LoggingLevel

from app.protocol.faults import Fault, Kind
from app.relay import logs


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def test_the_levels_are_those_of_the_protocol_lowest_first() -> None:
    assert LoggingLevel.__args__ == logs.LEVELS
    assert [logs.rank_of(raw(level)) for level in logs.LEVELS] == list(range(8))
    assert {logs.rank_of(found) for found in (None, raw("loud"), raw(3), raw("INFO"))} == {None}


def test_a_modern_request_hears_what_it_asks_for_and_nothing_without() -> None:
    assert logs.wanted({}) == logs.NOTHING
    assert logs.wanted({logs.LOG_LEVEL: raw("warning")}) == 3
    for wrong in ("loud", 3, None):
        found = logs.wanted({logs.LOG_LEVEL: raw(wrong)})
        assert isinstance(found, Fault)
        assert found.kind is Kind.INVALID_PARAMS


def test_the_level_of_a_session_travels_in_its_requests() -> None:
    meta = {"vendor/a": raw(1)}
    assert logs.stamped(meta, None) is meta
    assert logs.stamped(meta, 3) == {"vendor/a": raw(1), logs.LOG_LEVEL: raw("warning")}


@pytest.mark.parametrize("level", range(8))
def test_what_is_severe_enough_passes(level: int) -> None:
    passing = [each for each in logs.LEVELS if logs.passes(raw({"level": each, "data": 1}), level)]
    assert passing == list(logs.LEVELS[level:])
    assert not logs.passes(raw({"level": logs.LEVELS[level]}), logs.NOTHING)


def test_a_message_of_no_known_level_is_information() -> None:
    for odd in ({"data": 1}, {"level": "loud"}, []):
        assert logs.passes(raw(odd), logs.UNSET)
        assert not logs.passes(raw(odd), logs.UNSET + 1)


def test_a_message_says_which_server_it_comes_from_and_is_else_the_same() -> None:
    found = logs.named(msgspec.Raw(b'{"level":"info","logger":"db","data":{"x":1.0},"vendor":[1]}'), "files")
    assert bytes(found) == b'{"level":"info","logger":"files/db","data":{"x":1.0},"vendor":[1]}'
    assert json.loads(bytes(logs.named(raw({"data": 1}), "files")))["logger"] == "files"
    assert bytes(logs.named(msgspec.Raw(b"7"), "files")) == b"7"
