"""Where all that can happen to a call arrives, in order and bounded."""

import asyncio

import msgspec
import pytest

from app.gateway.inbox import LEASED, MAX_NOTICES, Inbox
from app.protocol.versions import Era
from app.relay.events import Finished, Heard, Noticed, Result

NOTICE = Noticed("notifications/progress", msgspec.Raw(b"{}"))
LAST = Finished(Result(msgspec.Raw(b"{}"), Era.LEGACY))


async def test_what_arrives_is_read_in_its_order_waited_for_or_not() -> None:
    inbox = Inbox()
    inbox.put(LEASED)
    assert await inbox.get() is LEASED
    asyncio.get_running_loop().call_soon(inbox.put, NOTICE)
    asyncio.get_running_loop().call_soon(inbox.put, LAST)
    assert [await inbox.get(), await inbox.get()] == [NOTICE, LAST]


@pytest.mark.parametrize("report", [NOTICE, Heard()])
async def test_reports_past_the_bound_are_lost_and_counted_and_the_answer_never(report: Noticed | Heard) -> None:
    inbox = Inbox()
    for _ in range(MAX_NOTICES + 10):
        inbox.put(report)
    inbox.put(LAST)
    assert inbox.dropped == 10
    read = [await inbox.get() for _ in range(MAX_NOTICES + 1)]
    assert read[-1] is LAST
