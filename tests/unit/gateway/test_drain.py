"""Everything that lasts learns of the end, once."""

import asyncio

from app.gateway.drain import Drain


async def test_who_waits_is_woken_when_it_begins() -> None:
    drain = Drain()
    waiting = asyncio.gather(drain.wait(), drain.wait())
    assert not drain.begun
    drain.begin()
    await asyncio.wait_for(waiting, 30)
    assert drain.begun


async def test_who_comes_late_waits_no_more() -> None:
    drain = Drain()
    drain.begin()
    drain.begin()
    await asyncio.wait_for(drain.wait(), 30)


def test_it_says_what_it_is() -> None:
    assert repr(Drain()) == "<Drain not begun>"
