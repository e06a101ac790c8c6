"""A body is read whole, and never more than the limit."""

import pytest

from app.downstream.body import read_body
from tests.unit.downstream.wire import Wire, scope


@pytest.mark.parametrize("chunks", [(b"abcd",), (b"ab", b"cd"), (b"", b"abcd"), (b"a", b"b", b"c", b"d")])
async def test_a_body_at_the_limit_is_read_however_it_comes(chunks: tuple[bytes, ...]) -> None:
    assert await read_body(scope(), Wire(*chunks).receive, 4) == b"abcd"


@pytest.mark.parametrize("chunks", [(b"abcde",), (b"abcd", b"e"), (b"ab", b"cde", b"f")])
async def test_one_byte_more_is_refused(chunks: tuple[bytes, ...]) -> None:
    assert await read_body(scope(), Wire(*chunks).receive, 4) is None


async def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read() -> None:
    wire = Wire(b"x")
    assert await read_body(scope(headers=[(b"content-length", b"5")]), wire.receive, 4) is None
    assert await wire.receive() == {"type": "http.request", "body": b"x", "more_body": False}


async def test_a_client_that_leaves_in_the_middle_has_sent_nothing() -> None:
    messages = iter([{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(messages)

    assert await read_body(scope(), receive, 4) == b""
