import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstream.wire import ABSENT, is_object, named_id, own_id, progress_token, read_batch, read_envelope, repaired


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_no_bytes_raise(message: bytes) -> None:
    read_envelope(message)
    read_batch(message)
    named_id(message)
    repaired(message).decode()


def test_an_envelope_holds_its_members_as_written() -> None:
    envelope = read_envelope(b'{"id":7,"result":{"a": 1.0},"more":1}')
    assert envelope is not None
    assert envelope.id == 7
    assert bytes(envelope.result) == b'{"a": 1.0}'
    assert envelope.error is ABSENT
    assert envelope.method == ""


@pytest.mark.parametrize("message", [b"[]", b"1", b"", b'{"id":true}', b'{"method":1}', b"{" * 9999, b'{"id":[1]}'])
def test_what_is_no_message_is_none(message: bytes) -> None:
    assert read_envelope(message) is None


def test_deep_nesting_is_none_but_its_id_is_found() -> None:
    message = b'{"jsonrpc":"2.0","id":12,"result":' + b"[" * 9999 + b"]" * 9999 + b"}"
    assert read_envelope(message) is None
    assert named_id(message) == 12


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), (7.0, 7), (7.5, None), ("seven", None), ("", None), (None, None), ("7" * 99, None)],
)
def test_our_ids_are_known_in_any_spelling(value: float | str | None, expected: int | None) -> None:
    assert own_id(value) == expected


def test_a_progress_token_is_read_leniently() -> None:
    assert progress_token(msgspec.Raw(b'{"progressToken":5,"progress":1}')) == 5
    assert progress_token(msgspec.Raw(b'{"progressToken":"5"}')) == 5
    assert progress_token(msgspec.Raw(b"{}")) is None
    assert progress_token(ABSENT) is None


def test_a_batch_is_its_members() -> None:
    assert read_batch(b' [{"id":1}, {"id":2}]') == [b'{"id":1}', b'{"id":2}']
    assert read_batch(b"[broken") == []


def test_stray_bytes_become_replacement_characters() -> None:
    assert repaired(b'{"a":"\xff"}') == '{"a":"\ufffd"}'.encode()
    good = '{"a":"é"}'.encode()
    assert repaired(good) is good


def test_an_object_is_told_by_its_first_byte() -> None:
    assert is_object(msgspec.Raw(b"{}"))
    assert not is_object(msgspec.Raw(b"[]"))
    assert not is_object(ABSENT)
