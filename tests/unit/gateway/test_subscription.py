"""What one listener is told, and until when."""

import asyncio

import msgspec
import pytest

from app.config.keyring import Principal
from app.gateway import subscription as module
from app.gateway.broadcast import KINDS
from app.gateway.subscription import End, Subscription
from app.protocol.versions import Era
from app.relay.events import Noticed
from app.relay.listen import News, TaskChanged, Updated
from app.relay.policy import Grant

ANN = Principal("ann", Grant(["*"]))
BOB = Principal("bob", Grant(["b"]))
TASK = {"status": msgspec.Raw(b'"working"')}


def listener(principal: Principal = ANN, only: str = "") -> Subscription:
    return Subscription(principal, only, KINDS, Era.MODERN, lambda: principal)


async def told(subscription: Subscription) -> list[News]:
    """What is pending, in the order in which it is told."""
    subscription.tell("resources")  # the last of the kinds: what comes before it is there already
    found: list[News] = []
    async with asyncio.timeout(10):
        while "resources" in subscription._pending or subscription._updated or subscription._tasks:
            found.append(await anext(subscription))
    found.remove("resources")
    return found


async def test_who_is_slow_is_told_once_of_each_thing_that_changed() -> None:
    ann = listener()
    for _ in range(3):
        ann.tell("prompts")
        ann.tell("tools")
        ann.updated("a", "u:1")
        ann.task_changed("a", "t1", TASK)
    assert await told(ann) == ["tools", "prompts", Updated("u:1"), TaskChanged("t1", TASK)]


async def test_of_a_server_those_hear_who_still_may_and_at_its_path() -> None:
    ann, bob, at_b = listener(), listener(BOB), listener(only="b")
    for subscription in (ann, bob, at_b):
        subscription.updated("a", "u:1")
        subscription.task_changed("a", "t1", TASK)
    assert [await told(subscription) for subscription in (ann, bob, at_b)] == [
        [Updated("u:1"), TaskChanged("t1", TASK)], [], []
    ]  # fmt: skip
    ann.principal = BOB  # its scopes were edited
    ann.updated("a", "u:2")
    assert await told(ann) == []


async def test_of_what_is_said_to_one_who_does_not_read_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SAID", 2)
    ann, bob = listener(), listener(BOB)
    said = [Noticed("notifications/message", msgspec.Raw(b"%d" % number)) for number in range(3)]
    for notice in said:
        ann.say("a", notice)
        bob.say("a", notice)
    assert [await anext(ann), await anext(ann)] == said[1:]
    assert bob._said is None


async def test_an_end_is_told_once_with_its_first_reason_and_nothing_after_it() -> None:
    ann, ends = listener(), list[End | None]()
    ann.on_end = lambda: ends.append(ann.over)
    waiting = asyncio.gather(ann.ended(), anext(ann), return_exceptions=True)
    await asyncio.sleep(0)
    ann.end(End.REVOKED)
    ann.end(End.DRAINED)
    ann.tell("tools")
    none, stop = await asyncio.wait_for(waiting, 10)
    assert none is None
    assert isinstance(stop, StopAsyncIteration)
    assert [kind async for kind in ann] == []
    assert ends == [End.REVOKED]
    assert repr(ann) == "<Subscription ann tools+prompts+resources revoked>"


async def test_one_that_goes_on_has_kept_what_came_meanwhile() -> None:
    ann = listener()
    ann.end(End.DISCONNECTED)
    ann.tell("tools")
    ann.reopen()
    assert (ann.over, await anext(ann)) == (None, "tools")
