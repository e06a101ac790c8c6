"""`_meta`, as far as a gateway reads it."""

import msgspec
import pytest

from app.protocol.jsonrpc import Message
from app.protocol.meta import NOTHING, read_meta


def message(meta: bytes | None) -> Message:
    return Message("tools/call", msgspec.Raw(b"1"), {} if meta is None else {"_meta": msgspec.Raw(meta)})


def test_a_message_without_meta_has_nothing_in_it() -> None:
    assert read_meta(message(None)) is NOTHING


@pytest.mark.parametrize("token", [b'"a"', b"0", b"-3", b"1.5"])
def test_the_progress_token_is_taken_out_as_the_json_it_was(token: bytes) -> None:
    found = read_meta(message(b'{"progressToken":%b,"x":{"y":1}}' % token))
    assert found is not None
    assert found.token == token
    assert {name: bytes(value) for name, value in found.members.items()} == {"x": b'{"y":1}'}


def test_the_claimed_version_is_read_and_stays() -> None:
    found = read_meta(message(b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'))
    assert found is not None
    assert found.version == "2026-07-28"
    assert found.members


@pytest.mark.parametrize(
    "meta", [b"[]", b"null", b'"x"', b'{"a":1,"a":2}', b'{"progressToken":{}}', b'{"progressToken":true}']
)
def test_a_wrong_meta_is_none(meta: bytes) -> None:
    assert read_meta(message(meta)) is None
