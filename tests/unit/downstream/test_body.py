"""A body is read whole, and never more than the limit."""

import asyncio
from itertools import count

import pytest

from app.downstream import body
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


async def test_a_body_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "STALL", 0.05)

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(TimeoutError):
        await read_body(scope(), receive, 4)


async def test_a_body_that_drips_is_given_up_however_steadily_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.2)
    numbers = count()

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.01)
        assert next(numbers) < 1000
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(TimeoutError):
        await read_body(scope(), receive, 1 << 20)


async def test_a_large_body_has_the_time_that_its_size_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.01)
    chunks = [b"x" * body.LEAST_RATE] * 20

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": chunks.pop(), "more_body": bool(chunks)}

    assert len(await read_body(scope(), receive, 1 << 20) or b"") == 20 * body.LEAST_RATE


@pytest.mark.parametrize("chunks", [(b"abcd",), (b"ab", b"cd")])
async def test_a_body_that_comes_after_its_head_is_waited_for(chunks: tuple[bytes, ...]) -> None:
    wire = Wire(*chunks)

    async def receive() -> object:
        await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        return await wire.receive()

    assert await read_body(scope(), receive, 4) == b"abcd"  # type: ignore[arg-type] # whatever the wire says


async def test_whoever_gives_up_waiting_is_heard_by_what_is_waited_for() -> None:
    ended = asyncio.Event()

    async def receive() -> dict[str, object]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_body(scope(), receive, 4))
        await asyncio.sleep(0)
        reading.cancel()
    assert reading.cancelled()
    assert ended.is_set()
