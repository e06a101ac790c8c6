"""From which level on a server logs, and which request a message can be of."""

import msgspec

from app.relay.events import Request
from app.relay.logs import LOG_LEVEL
from app.upstream import logging_level as module
from app.upstream.logging_level import LoggingLevel


def request(level: str = "") -> Request:
    return Request("tools/call", {}, {LOG_LEVEL: msgspec.Raw(b'"%b"' % level.encode())} if level else {})


def test_a_server_is_asked_for_the_lowest_level_that_anybody_wants_once() -> None:
    level = LoggingLevel()
    assert level.lowered_by(request("debug")) is None, "it does not log"
    level.offered = True
    asked = [level.lowered_by(request(each)) for each in ("", "warning", "error", "warning", "debug", "info", "loud")]
    assert asked == [None, "warning", None, None, "debug", None, None]


def test_a_message_without_a_stream_is_of_the_only_request_that_asked_for_any() -> None:
    level = LoggingLevel()
    level.mark(1, request(), {1: ()})
    assert level.only_one({1: ()}) is None
    level.mark(2, request("info"), {1: (), 2: ()})
    assert level.only_one({1: (), 2: ()}) == 2
    level.mark(3, request("info"), {2: (), 3: ()})
    assert level.only_one({2: (), 3: ()}) is None, "it can be of two"
    assert level.only_one({3: ()}) == 3, "one of them is over"
    assert level.only_one({}) is None


def test_requests_that_are_over_are_not_remembered() -> None:
    level = LoggingLevel()
    for number in range(module.MAX_MARKED + 10):
        level.mark(number, request("info"), {number: ()})
    assert len(level._marked) <= module.MAX_MARKED
