"""What a client may ask to be told of, and the messages that tell it."""

import json

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.relay import listen
from app.relay.events import Noticed
from app.relay.listen import Filter, Updated
from tests.support.upstreams import raw

ID = "io.modelcontextprotocol/subscriptionId"


def params(**notifications: object) -> dict[str, msgspec.Raw]:
    return {"notifications": msgspec.Raw(json.dumps(notifications).encode())}


def told(notice: Noticed) -> dict[str, object]:
    return json.loads(bytes(notice.params))


def test_a_filter_asks_for_the_kinds_it_sets_in_one_order() -> None:
    assert listen.read_filter(params(resourcesListChanged=True, toolsListChanged=True)) == Filter(
        ("tools", "resources")
    )
    assert listen.read_filter(params(promptsListChanged=True, toolsListChanged=False)) == Filter(("prompts",))
    assert listen.read_filter(params()) == Filter()


def test_a_filter_names_single_resources_each_once() -> None:
    asked = params(resourceSubscriptions=["file:///b", "file:///a", "file:///b"])
    assert listen.read_filter(asked) == Filter((), ("file:///b", "file:///a"))


def test_what_nobody_can_be_told_of_is_passed_over() -> None:
    asked = params(toolsListChanged=True, vendor={})
    assert listen.read_filter(asked) == Filter(("tools",))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"notifications": msgspec.Raw(b"[]")},
        params(toolsListChanged=1),
        params(promptsListChanged=None),
        params(resourceSubscriptions="file:///a"),
        params(resourceSubscriptions=[1]),
        params(resourceSubscriptions=[f"a:{n}" for n in range(listen.MAX_RESOURCES + 1)]),
    ],
)
def test_a_filter_of_another_shape_is_a_fault_of_the_parameters(sent: dict[str, msgspec.Raw]) -> None:
    found = listen.read_filter(sent)
    assert isinstance(found, Fault)
    assert found.kind is Kind.INVALID_PARAMS


@pytest.mark.requirement("listen.named")
@pytest.mark.parametrize("ident", [b"1", b'"1"', b"1.0"])
def test_every_message_names_its_subscription_by_the_id_as_it_was_sent(ident: bytes) -> None:
    acknowledged = listen.acknowledged(ident, Filter(("tools", "resources"), ("a:b",)))
    assert acknowledged.method == "notifications/subscriptions/acknowledged"
    assert told(acknowledged)["notifications"] == {
        "toolsListChanged": True,
        "resourcesListChanged": True,
        "resourceSubscriptions": ["a:b"],
    }
    assert json.loads(bytes(listen.updated("a:b", ident).params))["uri"] == "a:b"
    changed = listen.changed("prompts", ident)
    assert changed.method == "notifications/prompts/list_changed"
    ended = listen.ended(ident)
    assert json.loads(bytes(ended))["resultType"] == "complete"
    for sent in (acknowledged.params, changed.params, ended):
        assert b'"%b":%b' % (ID.encode(), ident) in bytes(sent)


def test_an_older_revision_names_no_subscription() -> None:
    assert listen.changed("tools") == Noticed("notifications/tools/list_changed", msgspec.Raw())
    assert listen.told("tools") == listen.changed("tools")
    assert listen.told(Updated("a:b")) == Noticed("notifications/resources/updated", msgspec.Raw(b'{"uri":"a:b"}'))


def test_what_a_server_honours_is_read_from_its_acknowledgement() -> None:
    assert listen.honoured_resources(params(resourceSubscriptions=["a:b"])) == {"a:b"}
    for other in ({}, params(), params(resourceSubscriptions=7), {"notifications": msgspec.Raw(b"1")}):
        assert listen.honoured_resources(other) == frozenset()


def test_tasks_are_asked_for_acknowledged_and_told_under_our_ids() -> None:
    assert listen.read_filter(params(taskIds=["b", "a", "b"])) == Filter(tasks=("b", "a"))
    told = msgspec.json.decode(listen.acknowledged(b'"s"', Filter(tasks=("a",))).params)
    assert told["notifications"] == {"taskIds": ["a"]}
    news = listen.TaskChanged("ours", {"taskId": raw("theirs"), "status": raw("working"), "_meta": raw({"k": 1})})
    notice = listen.told(news, b'"s"')
    assert notice.method == "notifications/tasks"
    assert msgspec.json.decode(notice.params) == {
        "taskId": "ours",
        "status": "working",
        "_meta": {"k": 1, listen.SUBSCRIPTION_ID: "s"},
    }
