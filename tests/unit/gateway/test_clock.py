"""A call's clock: silence, time in all, and what its client is shown meanwhile."""

import asyncio

import pytest

from app.gateway import clock as module
from app.gateway.clock import CallClock
from app.gateway.inbox import Signal

LONG = 60.0


@pytest.fixture
def put() -> asyncio.Queue[Signal]:
    return asyncio.Queue()


def running(put: asyncio.Queue[Signal], silence: float = LONG, total: float = LONG) -> CallClock:
    made = CallClock(put.put_nowait, (silence, total))
    made.run()
    return made


async def first(put: asyncio.Queue[Signal]) -> Signal:
    async with asyncio.timeout(30):
        return await put.get()


@pytest.mark.parametrize("limits", [(0.02, LONG), (LONG, 0.02)], ids=["silence", "total"])
async def test_a_call_is_overdue_when_its_server_is_silent_or_it_takes_too_long(
    put: asyncio.Queue[Signal], limits: tuple[float, float]
) -> None:
    running(put, *limits)
    assert await first(put) is Signal.OVERDUE


async def test_a_sign_of_life_puts_off_silence_and_not_the_end(put: asyncio.Queue[Signal]) -> None:
    silent = running(put, 0.05)
    silent.restart(LONG)
    await asyncio.sleep(0.1)
    assert put.empty()
    silent.stop()
    lasting = running(put, LONG, 0.05)
    lasting.restart(LONG)
    assert await first(put) is Signal.OVERDUE


async def test_a_client_is_shown_that_the_call_lives_unless_it_is_away(
    put: asyncio.Queue[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMIT_AFTER", 0.02)
    quiet = running(put)
    assert await first(put) is Signal.QUIET
    quiet.stop()
    away = running(put)
    away.away()
    await asyncio.sleep(0.1)
    assert put.empty()
    away.stop()
    away.back()
    away.run()
    assert await first(put) is Signal.QUIET
    away.stop()


async def test_a_stopped_clock_says_nothing(put: asyncio.Queue[Signal]) -> None:
    stopped = running(put, 0.02)
    stopped.stop()
    await asyncio.sleep(0.05)
    assert put.empty()


async def test_a_call_that_lasts_is_said_to_once_before_anything_else_is_due(put: asyncio.Queue[Signal]) -> None:
    CallClock(put.put_nowait, (0.01, LONG)).begin()
    assert [await first(put), await first(put)] == [Signal.SETTLED, Signal.OVERDUE]


async def test_nothing_is_signalled_of_a_call_that_is_over_before_it_lasts(
    put: asyncio.Queue[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.001)
    begun, other = CallClock(put.put_nowait, (LONG, LONG)), CallClock(put.put_nowait, (0.0, LONG))
    begun.begin()
    begun.stop()
    other.begin()
    assert [await first(put), await first(put)] == [Signal.SETTLED, Signal.OVERDUE]
    assert put.empty()
