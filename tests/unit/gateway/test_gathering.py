"""Questions that come together."""

import asyncio

import msgspec

from app.gateway.gathering import Gathering
from app.gateway.inbox import Inbox, Signal
from app.protocol.versions import Era
from app.relay.events import Finished, NeedsInput, Question, Result, Withdrawn

FORM = msgspec.Raw(b"{}")
DONE = Finished(Result(FORM, Era.LEGACY))


def asks(*keys: str) -> NeedsInput:
    return NeedsInput(Question(dict.fromkeys(keys, FORM)))


async def next_of(inbox: Inbox) -> object:
    async with asyncio.timeout(30):
        return await inbox.get()


async def test_what_comes_within_a_moment_is_one_question() -> None:
    inbox = Inbox()
    gathering = Gathering(inbox)
    assert gathering.event(asks("a"), gathers=True) is None
    assert gathering.event(asks("b"), gathers=True) is None
    assert gathering.event(DONE, gathers=True) is DONE, "nothing else waits"
    assert await next_of(inbox) is Signal.GATHERED
    assert gathering.event(Signal.GATHERED, gathers=True) == asks("a", "b")
    assert gathering.event(Signal.GATHERED, gathers=True) is None


async def test_what_is_taken_back_within_the_moment_is_not_asked() -> None:
    gathering = Gathering(Inbox())
    gathering.event(asks("a", "b"), gathers=True)
    gathering.event(Withdrawn("a"), gathers=True)
    assert gathering.event(Signal.GATHERED, gathers=True) == asks("b")


async def test_the_keys_of_what_nobody_will_be_asked_are_known() -> None:
    gathering = Gathering(Inbox())
    gathering.event(asks("a"), gathers=True)
    assert gathering.given_up() == ["a"]
    assert gathering.given_up() == []


async def test_nothing_is_held_back_where_questions_go_out_at_once_or_are_the_answer() -> None:
    gathering = Gathering(Inbox())
    assert gathering.event(asks("a"), gathers=False) == asks("a")
    answered = NeedsInput(Question({}, DONE.outcome if isinstance(DONE.outcome, Result) else None))
    assert gathering.event(answered, gathers=True) is answered
    assert gathering.event(Signal.QUIET, gathers=True) is None
