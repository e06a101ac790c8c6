"""Everything that lasts learns of the end, once."""

import asyncio

from app.gateway.drain import Drain


async def test_who_waits_is_woken_when_it_begins() -> None:
    drain = Drain()
    waiting = asyncio.gather(drain.wait(), drain.wait())
    assert not drain.begun
    drain.begin()
    await asyncio.wait_for(waiting, 5)
    assert drain.begun


async def test_a_call_is_made_once_and_only_inside_its_block() -> None:
    drain, calls = Drain(), list[str]()
    with drain.calling(lambda: calls.append("left")):
        pass
    with drain.calling(lambda: calls.append("inside")):
        drain.begin()
        drain.begin()
    assert calls == ["inside"]


async def test_who_comes_late_is_called_at_once() -> None:
    drain, calls = Drain(), list[str]()
    drain.begin()
    with drain.calling(lambda: calls.append("late")):
        assert calls == ["late"]
    await asyncio.wait_for(drain.wait(), 5)


def test_it_says_what_it_is() -> None:
    assert repr(Drain()) == "<Drain not begun, 0 calls>"
