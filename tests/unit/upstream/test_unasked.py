"""What a server says of its own accord, and who hears it."""

import json

import msgspec
import pytest

from app.protocol.versions import Era
from app.relay.events import Noticed, UpstreamEvent
from app.upstream.unasked import Feed, Unasked

ID = "io.modelcontextprotocol/subscriptionId"


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


@pytest.fixture
def heard() -> list[object]:
    return []


@pytest.fixture
def unasked(heard: list[object]) -> Unasked:
    made = Unasked("files", heard.append)
    made.on_updated = heard.append
    return made


def take(unasked: Unasked, method: str, params: object, era: Era = Era.LEGACY) -> None:
    unasked.take(f"notifications/{method}", raw(params), era, {}, None)


def test_changes_of_lists_and_resources_are_heard_and_other_things_are_not(
    unasked: Unasked, heard: list[object]
) -> None:
    take(unasked, "prompts/list_changed", {})
    take(unasked, "resources/updated", {"uri": "a:b"})
    take(unasked, "resources/updated", {})
    take(unasked, "vendor/thing", {})
    assert heard == ["prompts", "a:b"]


@pytest.mark.requirement("feed.correlated")
def test_a_feed_that_opens_is_heard_by_who_opened_it_else_as_a_change(unasked: Unasked, heard: list[object]) -> None:
    opened: list[msgspec.Raw] = []
    of_tasks: list[msgspec.Raw] = []
    unasked.feeds = {3: Feed(opened.append, of_tasks.append), 4: Feed()}
    for ident in (3, 4, 5):
        take(unasked, "subscriptions/acknowledged", {"_meta": {ID: ident}}, Era.MODERN)
        take(unasked, "tasks", {"_meta": {ID: ident}}, Era.MODERN)
    assert (len(opened), len(of_tasks), heard) == (1, 1, ["", ""])


def test_a_legacy_stream_that_opens_may_have_missed_a_change_of_any_resource(
    unasked: Unasked, heard: list[object]
) -> None:
    take(unasked, "subscriptions/acknowledged", {})
    assert heard == ["", None]


def test_a_log_message_is_of_the_call_on_whose_stream_it_came(unasked: Unasked) -> None:
    events: list[UpstreamEvent] = []
    for origin in (1, 2, None):
        unasked.take("notifications/message", raw({"data": 1}), Era.LEGACY, {1: events.append}, origin)
    assert len(events) == 1


def test_what_no_revision_knows_is_of_the_call_on_whose_stream_it_comes() -> None:
    heard: list[object] = []
    unasked, params = Unasked("server"), msgspec.Raw(b'{ "a" : 1.0 }')
    for method, origin in (
        ("notifications/vendor", 1),
        ("notifications/vendor", 2),
        ("notifications/vendor", None),
        ("notifications/initialized", 1),
        ("notifications/tasks/status", 1),
    ):
        unasked.take(method, params, Era.MODERN, {1: heard.append}, origin)
    assert heard == [Noticed("notifications/vendor", params)]
