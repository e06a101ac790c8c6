"""Who hears that a person is done at an address that a server sent them to (2025-11-25, URL mode)."""

import uuid

import pytest

from tests.integration.questions.cast import ANN, BOB, told_text
from tests.integration.questions.wire import Legacy, Modern
from tests.support.gateway import Gateway
from tests.support.listeners import Listener, listening

COMPLETE = "notifications/elicitation/complete"
DONE = {"action": "accept"}


def completed(listener: Listener) -> list[str]:
    return [each["params"]["elicitationId"] for each in listener.heard if each.get("method") == COMPLETE]


def fresh(*names: str) -> list[str]:
    return [f"{name}-{uuid.uuid4()}" for name in names]


async def sent(person: Legacy, server: str, ident: str) -> None:
    """The person has to go to an address before the call is done."""
    error = (await person.caller.call(f"{server}__login", {"id": ident})).error
    assert error["data"]["elicitations"][0]["elicitationId"] == ident, error


async def says_done(person: Legacy, server: str, ident: str) -> None:
    """The server tells, in the session that this person's calls have, that it is done."""
    assert (await person.caller.call(f"{server}__complete", {"id": ident})).text == '"completed"'


@pytest.mark.parametrize("server", ["files", "remote", "aside", "own", "only"])
async def test_the_end_of_an_errand_is_told_to_who_was_sent_and_nobody_else_and_once(
    house: Gateway, server: str
) -> None:
    anns, bobs, later = fresh("ann", "bob", "later")
    ann, bob = await Legacy(house, ANN).begin(), await Legacy(house, BOB).begin()
    async with listening(ann.caller) as hears_ann, listening(bob.caller) as hears_bob:
        await sent(ann, server, anns)
        await sent(bob, server, bobs)
        await says_done(bob, server, bobs)
        await says_done(bob, server, "nobody's")
        await says_done(ann, server, anns)
        await hears_bob.hears(COMPLETE.removeprefix("notifications/"))
        await hears_ann.hears(COMPLETE.removeprefix("notifications/"))
        await says_done(ann, server, anns)  # done already
        await sent(ann, server, later)
        await says_done(ann, server, later)
        await hears_ann.hears(COMPLETE.removeprefix("notifications/"), 2)
        assert completed(hears_ann) == [anns, later]
        assert completed(hears_bob) == [bobs]


async def test_another_persons_session_at_the_server_cannot_name_ones_errand(house: Gateway) -> None:
    same = fresh("same")[0]
    ann, bob = await Legacy(house, ANN).begin(), await Legacy(house, BOB).begin()
    async with listening(ann.caller) as hears_ann, listening(bob.caller) as hears_bob:
        await sent(bob, "own", "begun")  # his own process of that server
        await sent(ann, "own", same)
        await says_done(bob, "own", same)
        await says_done(bob, "own", "begun")
        await hears_bob.hears(COMPLETE.removeprefix("notifications/"))
        assert completed(hears_ann) == []
        await says_done(ann, "own", same)
        await hears_ann.hears(COMPLETE.removeprefix("notifications/"))
        assert completed(hears_ann) == [same]
        assert completed(hears_bob) == ["begun"]


@pytest.mark.parametrize("server", ["files", "remote"])
async def test_as_long_as_the_call_lasts_it_is_told_on_its_stream(house: Gateway, server: str) -> None:
    ann, [ident] = await Legacy(house, ANN).begin(), fresh("ann")
    async with listening(ann.caller) as hears_ann:
        async with ann.calls(f"{server}__visit", {"id": ident, "finish": True}) as stream:
            question = await stream.request()
            assert question["params"]["elicitationId"] == ident
            await ann.answer(question["id"], result=DONE)
            notice = await stream.next()
            assert (notice["method"], notice["params"]) == (COMPLETE, {"elicitationId": ident})
            assert await stream.text() == {"result": DONE}
        assert completed(hears_ann) == []


@pytest.mark.parametrize("server", ["files", "remote"])
async def test_a_client_of_2026_is_asked_without_that_name_and_told_nothing_of_it(house: Gateway, server: str) -> None:
    [ident] = fresh("modern")
    bob = Modern(house, BOB)
    asked = await bob.question(f"{server}__visit", {"id": ident, "finish": True})
    [(key, question)] = asked["inputRequests"].items()
    assert question["params"]["url"] == "https://login.example/"
    assert "elicitationId" not in question["params"]
    reply = await bob.retry(f"{server}__visit", {"id": ident, "finish": True}, asked, {key: DONE})
    assert told_text(reply.message) == {"result": DONE}
    assert [notice for notice in reply.notices if notice["method"] == COMPLETE] == []


async def test_a_client_of_an_older_revision_is_told_nothing_of_it(house: Gateway) -> None:
    old, [ident] = await Legacy(house, ANN, version="2025-06-18").begin(), fresh("old")
    new = await Legacy(house, ANN).begin()
    async with listening(old.caller) as hears_old, listening(new.caller) as hears_new:
        for person, name in ((old, ident), (new, "new-" + ident)):
            await sent(person, "only", name)
            await says_done(person, "only", name)
        await hears_new.hears(COMPLETE.removeprefix("notifications/"))
        assert completed(hears_old) == []
