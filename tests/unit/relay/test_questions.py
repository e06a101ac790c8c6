"""What it takes to be asked something, and who asks."""

import re
from typing import Any

import msgspec
import pytest

from app.relay import questions
from app.relay.events import PeerError
from app.relay.questions import ELICITATION, ROOTS, SAMPLING, Read


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def question(method: str, **params: object) -> Read:
    return Read(method, {name: raw(value) for name, value in params.items()})


def plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("asked", "declared", "lacks"),
    [
        (question(ELICITATION), {"elicitation": {}}, {}),
        (question(ELICITATION), {"elicitation": {"form": {}}}, {}),
        (question(ELICITATION), {"elicitation": {"url": {}}}, {"elicitation": {"form": {}}}),
        (question(ELICITATION, mode="url"), {"elicitation": {}}, {"elicitation": {"url": {}}}),
        (question(ELICITATION, mode="url"), {"elicitation": {"form": {}, "url": {}}}, {}),
        (question(ELICITATION), {}, {"elicitation": {"form": {}}}),
        (question(SAMPLING), {"sampling": {}}, {}),
        (question(SAMPLING), {"elicitation": {}}, {"sampling": {}}),
        (question(SAMPLING, tools=[]), {"sampling": {}}, {"sampling": {"tools": {}}}),
        (question(SAMPLING, tools=[]), {"sampling": {"tools": {}}}, {}),
        (question(ROOTS), {"roots": {"listChanged": True}}, {}),
        (question(ROOTS), {"roots": 7}, {"roots": {}}),
    ],
)
def test_what_a_client_lacks_is_an_object_of_capabilities(asked: Read, declared: Any, lacks: Any) -> None:
    assert questions.lacking([asked], {name: raw(value) for name, value in declared.items()}) == lacks


def test_a_person_and_a_program_can_read_which_server_asks() -> None:
    found = questions.signed(question(ELICITATION, message="Delete?", _meta={"a": 1}), "files")
    assert plain(found.params) == {"message": "[files] Delete?", "_meta": {"a": 1, "mcp-proxy/server": "files"}}
    sampled = questions.signed(question(SAMPLING, messages=[], message="not for people"), "files")
    assert plain(sampled.params)["message"] == "not for people"
    assert plain(questions.signed(question(ROOTS), "files").params) == {"_meta": {"mcp-proxy/server": "files"}}


def test_a_question_is_read_no_deeper_than_its_params() -> None:
    found = questions.read(msgspec.Raw(b'{"method":"roots/list","params":{"a": 1.0}}'))
    assert found == Read(ROOTS, {"a": msgspec.Raw(b"1.0")})
    assert questions.to_raw(found) == msgspec.Raw(b'{"method":"roots/list","params":{"a":1.0}}')
    assert questions.read(msgspec.Raw(b"[]")) == Read("", {})


def test_who_cannot_be_asked_declines_a_form_and_knows_no_other_question() -> None:
    assert questions.declined(question(ELICITATION)) == raw({"action": "decline"})
    assert questions.declined(question(SAMPLING)) is questions.UNKNOWN


def test_an_error_about_a_form_is_a_form_that_was_closed_where_there_are_no_errors() -> None:
    error = PeerError(raw({"code": -1, "message": "no"}))
    assert questions.without_error(question(ELICITATION), error) == raw({"action": "cancel"})
    assert questions.without_error(question(SAMPLING), error) is error
    assert questions.without_error(question(SAMPLING), raw({"a": 1})) == raw({"a": 1})


def test_the_error_that_sends_a_person_to_addresses_is_a_question_without_its_ids() -> None:
    asked = [{"mode": "url", "elicitationId": "e", "url": "https://a/", "message": "Log in"}]
    found = questions.of_error(PeerError(raw({"code": -32042, "message": "x", "data": {"elicitations": asked}})))
    params = {"mode": "url", "url": "https://a/", "message": "Log in"}
    assert plain(found) == {"elicitation-1": {"method": ELICITATION, "params": params}}


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32603, "message": "x", "data": {"elicitations": [{}]}},
        {"code": -32042, "message": "x"},
        {"code": -32042, "message": "x", "data": {"elicitations": []}},
        {"code": -32042, "message": "x", "data": {"elicitations": 7}},
    ],
)
def test_any_other_error_is_none(error: Any) -> None:
    assert questions.of_error(PeerError(raw(error))) is None


@pytest.mark.requirement("meta.names")
def test_the_key_of_our_own_has_the_form_that_keys_must_have() -> None:
    label, name = r"[a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?", r"[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?"
    assert re.fullmatch(rf"{label}(\.{label})*/{name}", questions.ASKED_BY)
