"""What a server is told that the client can do."""

import msgspec
import pytest

from app.relay.answerable import NONE, answerable


def told(declared: object, *, roots: bool = True) -> object:
    return msgspec.json.decode(answerable(msgspec.Raw(msgspec.json.encode(declared)), roots=roots))


def test_what_can_be_asked_through_us_is_told_with_all_that_it_says() -> None:
    able = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
    assert told(able) == able


def test_a_server_that_is_to_have_no_roots_is_not_told_of_them() -> None:
    assert told({"elicitation": {}, "roots": {}}, roots=False) == {"elicitation": {}}


def test_extensions_are_told_of_as_they_are() -> None:
    declared = {"io.modelcontextprotocol/tasks": {}, "com.acme/x": {"a": 1}}
    assert told({"extensions": declared, "experimental": {}}) == {"extensions": declared}


def test_what_nobody_knows_is_not_told() -> None:
    assert told({"tasks": {}, "experimental": {"x": {}}, "elicitation": {}}) == {"elicitation": {}}


@pytest.mark.parametrize("raw", [None, b"{}", b"[]", b"7", b'"x"', b"null", b'{"extensions":7}'])
def test_nothing_is_told_where_nothing_was_declared(raw: bytes | None) -> None:
    assert bytes(answerable(None if raw is None else msgspec.Raw(raw), roots=True)) == bytes(NONE)
