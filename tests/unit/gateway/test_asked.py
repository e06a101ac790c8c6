"""Our own ids for what one client is asked."""

import msgspec
import pytest

from app.gateway.asked import MAX_OPEN, Asked, Asking
from app.protocol.jsonrpc import Message, decode
from app.relay.effects import Ask, Unask
from app.relay.events import Answered, Detached, PeerError
from app.relay.questions import OVER
from tests.unit.gateway.conftest import PlayedClient

FORM = msgspec.Raw(b'{"method":"elicitation/create","params":{}}')
ROOTS = msgspec.Raw(b'{"method":"roots/list","params":{}}')


def response(ident: str, rest: str = '"result":{"a":1}') -> Message:
    found = decode(f'{{"jsonrpc":"2.0","id":{ident},{rest}}}'.encode())
    assert isinstance(found, Message)
    return found


def test_an_answer_finds_the_call_that_waits_for_it_once() -> None:
    asked, one, two = Asked(), list[Answered](), list[Answered]()
    first, second = asked.ask("a", one.append), asked.ask("b", two.append)
    assert first != second
    assert asked.answered(response(f"{second}"))
    assert two == [Answered({"b": msgspec.Raw(b'{"a":1}')})]
    assert not asked.answered(response(f"{second}")), "answered twice"
    assert asked.answered(response(f'"{first}"', '"error":{"code":-1,"message":"no"}'))
    assert one == [Answered({"a": PeerError(msgspec.Raw(b'{"code":-1,"message":"no"}'))})]


@pytest.mark.parametrize("ident", ["99", '"x"', '"-1"', "1.5", "0", '""', f"{10**30}"])
def test_an_answer_to_nothing_is_none(ident: str) -> None:
    asked = Asked()
    asked.ask("a", lambda _: pytest.fail("not mine"))
    assert not asked.answered(response(ident))
    assert len(asked) == 1


def test_one_sessions_answers_are_not_anothers() -> None:
    mine, yours = Asked(), Asked()
    ident = mine.ask("a", lambda _: pytest.fail("not mine"))
    assert not yours.answered(response(f"{ident}"))


def test_what_is_never_answered_is_forgotten_oldest_first() -> None:
    asked = Asked()
    first = asked.ask("a", lambda _: None)
    for _ in range(MAX_OPEN):
        asked.ask("b", lambda _: None)
    assert len(asked) == MAX_OPEN
    assert not asked.answered(response(f"{first}"))


def test_the_end_of_a_session_answers_all_with_an_error() -> None:
    asked, heard = Asked(), list[Answered]()
    asked.ask("a", heard.append)
    asked.end()
    assert heard == [Answered({"a": OVER})]
    assert len(asked) == 0


async def test_a_client_is_asked_and_told_when_no_answer_is_needed_any_more() -> None:
    asked, client = Asked(), PlayedClient(Detached())
    asking = Asking(lambda _: None, asked)
    await asking.perform(Ask("a", FORM), client)
    await asking.perform(Unask("a"), client)
    await asking.perform(Unask("a"), client)
    [(ident, question)] = client.questions
    assert question == FORM
    [notice] = client.notices
    assert notice.method == "notifications/cancelled"
    assert msgspec.json.decode(notice.params)["requestId"] == ident
    assert len(asked) == 0


async def test_the_end_of_a_call_leaves_nothing_open() -> None:
    asked, client = Asked(), PlayedClient(Detached())
    asking = Asking(lambda _: None, asked)
    await asking.perform(Ask("a", FORM), client)
    asking.end()
    assert len(asked) == 0


async def test_folders_that_are_told_after_the_call_reach_the_server_all_the_same() -> None:
    asked, client = Asked(), PlayedClient(Detached())
    asking = Asking(lambda _: pytest.fail("the call is over"), asked)
    await asking.perform(Ask("r", ROOTS), client)
    await asking.perform(Unask("r"), client)
    told: list[tuple[str, object]] = []
    assert asking.late("r", lambda key, given: told.append((key, given)))
    assert not asking.late("x", lambda *_: None)
    asking.end()
    assert asked.answered(response(f"{client.questions[0][0]}"))
    assert told == [("r", msgspec.Raw(b'{"a":1}'))]
    assert client.notices == []


async def test_a_client_that_is_not_asked_on_a_stream_hears_nothing() -> None:
    client = PlayedClient(Detached())
    asking = Asking(lambda _: None)
    await asking.perform(Ask("a", FORM), client)
    asking.end()
    assert client.questions == []
