"""Tasks under names of ours."""

import json

import msgspec
import pytest

from app.gateway.sealing import Sealing
from app.protocol.jsonrpc import members_of
from app.protocol.versions import Era
from app.relay.events import Result
from app.relay.tasks import (
    EXTENSION,
    RELATED,
    TaskIds,
    alone,
    cancels,
    declared,
    made_or_asked,
    offers,
    renamed,
    signed,
)
from tests.support.upstreams import raw

SEALING = Sealing(bytes(range(32)))
IDS = TaskIds(SEALING.seal_name, SEALING.unseal)


def test_an_id_is_the_same_each_time_and_opens_for_its_principal_alone() -> None:
    ours = IDS.ours("files", "t-1", "ann")
    assert ours == IDS.ours("files", "t-1", "ann")
    assert IDS.theirs(ours, "ann") == ("files", "t-1")
    assert IDS.theirs(ours, "bob") is None
    others = {IDS.ours("files", "t-1", "bob"), IDS.ours("files", "t-2", "ann"), IDS.ours("git", "t-1", "ann")}
    assert len(others | {ours}) == 4
    assert "t-1" not in ours


def test_no_altered_character_and_no_other_key_opens_an_id() -> None:
    ours = IDS.ours("files", "t-1", "ann")
    for at in range(len(ours)):
        for other in ("A", "_", "é", ""):
            if ours[at] != other:
                assert IDS.theirs(ours[:at] + other + ours[at + 1 :], "ann") is None
    other = Sealing(bytes(32))
    assert TaskIds(other.seal_name, other.unseal).theirs(ours, "ann") is None
    assert IDS.theirs("", "ann") is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"taskId": "a", "status": "working"}, {"taskId": "A", "status": "working"}),
        (
            {"task": {"taskId": "a", "ttl": 1}, "_meta": {"x": 1}},
            {"task": {"taskId": "A", "ttl": 1}, "_meta": {"x": 1}},
        ),
        ({"content": [], "_meta": {RELATED: {"taskId": "a"}}}, {"content": [], "_meta": {RELATED: {"taskId": "A"}}}),
        ({"content": [{"taskId": "a"}], "structuredContent": {"taskId": "a"}}, None),
        ({"taskId": 5, "task": [], "_meta": {RELATED: "taskId"}}, None),
        ({"content": []}, None),
    ],
)
def test_the_places_that_name_a_task_are_renamed_and_nothing_else(given: object, told: object) -> None:
    found = renamed(Result(raw(given), Era.MODERN), str.upper)
    assert json.loads(bytes(found.raw)) == (told if told is not None else given)


def test_a_result_without_tasks_passes_byte_for_byte() -> None:
    result = Result(msgspec.Raw(b'{ "content" : [1.0] }'), Era.LEGACY)
    assert renamed(result, str.upper) is result
    odd = Result(msgspec.Raw(b'["taskId"]'), Era.LEGACY)
    assert renamed(odd, str.upper) is odd


@pytest.mark.parametrize(
    ("capabilities", "modern", "legacy"),
    [
        ({}, False, False),
        ({"extensions": {EXTENSION: {}}}, True, False),
        ({"extensions": {"com.acme/x": {}}}, False, False),
        ({"tasks": {"requests": {"tools": {"call": {}}}}}, False, True),
        ({"tasks": {"list": {}, "requests": {"tools": {}}}}, False, False),
        ({"tasks": 5, "extensions": []}, False, False),
    ],
)
def test_which_servers_have_tasks_in_which_form(capabilities: dict[str, object], modern: bool, legacy: bool) -> None:
    found = {name: raw(value) for name, value in capabilities.items()}
    assert (offers(found, Era.MODERN), offers(found, Era.LEGACY)) == (modern, legacy)


def test_a_client_declares_tasks_by_name() -> None:
    assert declared(raw({"extensions": {EXTENSION: {}}}))
    for other in (None, raw({}), raw({"extensions": {}}), raw({"experimental": {EXTENSION: {}}}), raw([EXTENSION])):
        assert not declared(other)


def test_what_a_task_wants_to_know_says_which_server_asks() -> None:
    asked = {"method": "elicitation/create", "params": {"message": "Who?"}}
    state = {"taskId": "t", "status": "input_required", "inputRequests": {"k": asked}}
    found = msgspec.json.decode(renamed(Result(raw(state), Era.MODERN), str.upper, "files").raw)
    assert found["taskId"] == "T"
    assert found["inputRequests"]["k"]["params"]["message"] == "[files] Who?"
    assert found["inputRequests"]["k"]["params"]["_meta"] == {"mcp-proxy/server": "files"}
    question = members_of(raw({"resultType": "input_required", "inputRequests": {"k": asked}}))
    assert signed(question or {}, "files") == question, "a question that is no task's is signed where it is asked"


def test_a_tool_runs_as_a_task_alone_where_it_says_so_and_its_server_has_tasks() -> None:
    able = {"tasks": raw({"cancel": {}, "requests": {"tools": {"call": {}}}})}
    for support, capabilities, expected in (
        ("required", able, True), ("required", {}, False), ("optional", able, False), (None, able, False),
        (7, able, False),
    ):  # fmt: skip
        tool = {} if support is None else {"execution": raw({"taskSupport": support})}
        assert alone(tool, capabilities) is expected, (support, capabilities)
    assert cancels(able)
    assert not cancels({"tasks": raw({"requests": {}})})
    assert not cancels({})


def test_the_task_that_a_result_is_about_is_the_made_one_or_the_one_asked_for() -> None:
    assert made_or_asked({"task": raw({"taskId": "t"})}) == "t"
    assert made_or_asked({"taskId": raw("t")}) == "t"
    assert made_or_asked({"content": raw([])}) is None
