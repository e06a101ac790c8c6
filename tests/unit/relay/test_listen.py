"""What a client may ask to be told of, and the messages that tell it."""

import json

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.relay import listen
from app.relay.events import Noticed

ID = "io.modelcontextprotocol/subscriptionId"


def params(**notifications: object) -> dict[str, msgspec.Raw]:
    return {"notifications": msgspec.Raw(json.dumps(notifications).encode())}


def told(notice: Noticed) -> dict[str, object]:
    return json.loads(bytes(notice.params))


def test_a_filter_asks_for_the_kinds_it_sets_in_one_order() -> None:
    assert listen.read_filter(params(resourcesListChanged=True, toolsListChanged=True)) == ("tools", "resources")
    assert listen.read_filter(params(promptsListChanged=True, toolsListChanged=False)) == ("prompts",)
    assert listen.read_filter(params()) == ()


def test_what_nobody_can_be_told_of_is_passed_over() -> None:
    asked = params(toolsListChanged=True, resourceSubscriptions=["file:///a"], taskIds=["1"], vendor={})
    assert listen.read_filter(asked) == ("tools",)


@pytest.mark.parametrize(
    "sent",
    [{}, {"notifications": msgspec.Raw(b"[]")}, params(toolsListChanged=1), params(promptsListChanged=None)],
)
def test_a_filter_of_another_shape_is_a_fault_of_the_parameters(sent: dict[str, msgspec.Raw]) -> None:
    found = listen.read_filter(sent)
    assert isinstance(found, Fault)
    assert found.kind is Kind.INVALID_PARAMS


@pytest.mark.requirement("listen.named")
@pytest.mark.parametrize("ident", [b"1", b'"1"', b"1.0"])
def test_every_message_names_its_subscription_by_the_id_as_it_was_sent(ident: bytes) -> None:
    acknowledged = listen.acknowledged(ident, ("tools", "resources"))
    assert acknowledged.method == "notifications/subscriptions/acknowledged"
    assert told(acknowledged)["notifications"] == {"toolsListChanged": True, "resourcesListChanged": True}
    changed = listen.changed("prompts", ident)
    assert changed.method == "notifications/prompts/list_changed"
    ended = listen.ended(ident)
    assert json.loads(bytes(ended))["resultType"] == "complete"
    for raw in (acknowledged.params, changed.params, ended):
        assert b'"%b":%b' % (ID.encode(), ident) in bytes(raw)


def test_an_older_revision_names_no_subscription() -> None:
    assert listen.changed("tools") == Noticed("notifications/tools/list_changed", msgspec.Raw())
