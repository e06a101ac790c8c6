"""The exchange, transition by transition."""

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.effects import Acquire, CancelUpstream, Release, Reply, SendUpstream, SetTimer, Stream
from app.relay.events import (
    Called,
    Cancelled,
    Detached,
    Disconnected,
    Event,
    Expired,
    Failed,
    Finished,
    Leased,
    Lost,
    NeedsInput,
    Noticed,
    PeerError,
    Request,
    Result,
)
from app.relay.exchange import TRANSITIONS, UNASKABLE, Exchange, State
from tests.support.playbook import Playbook

REQUEST = Request("tools/call", {"name": msgspec.Raw(b'"echo"')}, {})
RESULT = Result(msgspec.Raw(b'{"content":[]}'), Era.LEGACY)
QUESTION = Result(msgspec.Raw(b'{"resultType":"input_required"}'), Era.MODERN)
ERROR = PeerError(msgspec.Raw(b'{"code":-32000,"message":"no"}'))
FAULT = Fault(Kind.UNREACHABLE, "Server 'a' is away.", "a")
LATE = Fault(Kind.TIMEOUT, "Too late.", "a")
PROGRESS = Noticed("notifications/progress", msgspec.Raw(b'{"progressToken":1,"progress":1}'))


def acquiring() -> Playbook:
    return Playbook() >> Called(REQUEST) << SetTimer() << Acquire()


def calling() -> Playbook:
    return acquiring() >> Leased() << SetTimer() << SendUpstream(REQUEST)


def test_a_call_takes_a_connection_sends_and_is_answered_with_the_servers_own_result() -> None:
    (calling() >> Finished(RESULT) << Release() << Reply(RESULT)).end(State.DONE)


def test_a_servers_own_error_is_an_answer_like_any_other() -> None:
    (calling() >> Finished(ERROR) << Release() << Reply(ERROR)).end(State.DONE)


@pytest.mark.requirement("ask.methods")
def test_a_question_that_the_client_cannot_be_asked_is_a_fault() -> None:
    (calling() >> NeedsInput(QUESTION) << Release() << Reply(UNASKABLE)).end(State.DONE)


def test_a_question_is_answered_with_what_the_client_is_to_be_asked() -> None:
    exchange = Exchange(lambda question: RESULT if question is QUESTION else FAULT)
    for event in (Called(REQUEST), Leased()):
        exchange.receive(event)
    assert exchange.receive(NeedsInput(QUESTION)) == [Release(), Reply(RESULT)]
    assert exchange.done


def test_each_notification_is_passed_on_and_is_a_sign_of_life() -> None:
    (calling() >> PROGRESS << SetTimer() << Stream(PROGRESS) >> PROGRESS << SetTimer() << Stream(PROGRESS)).end(
        State.CALLING
    )


def test_a_server_that_cannot_be_had_is_a_fault_and_nothing_is_released() -> None:
    (acquiring() >> Failed(FAULT) << Reply(FAULT)).end(State.DONE)


def test_waiting_for_a_connection_has_an_end() -> None:
    (acquiring() >> Expired(LATE) << Reply(LATE)).end(State.DONE)


def test_a_cancel_while_waiting_is_answered_and_nothing_was_sent_that_could_be_cancelled() -> None:
    (acquiring() >> Cancelled("stop") << Reply(Fault(Kind.CANCELLED, "stop"))).end(State.DONE)


def test_a_client_that_leaves_while_waiting_ends_the_call_where_that_is_a_cancel() -> None:
    (acquiring() >> Disconnected()).end(State.DONE)


def test_a_client_that_leaves_while_waiting_changes_nothing_where_it_is_none() -> None:
    (acquiring() >> Detached() >> Leased() << SetTimer() << SendUpstream(REQUEST)).end(State.CALLING)


def test_a_server_that_dies_in_a_call_gives_the_connection_back_and_is_a_fault() -> None:
    (calling() >> Failed(FAULT) << Release() << Reply(FAULT)).end(State.DONE)


def test_a_call_that_may_be_sent_again_waits_for_another_connection() -> None:
    (calling() >> Lost() << Release() << Acquire() >> Leased() << SetTimer() << SendUpstream(REQUEST)).end(
        State.CALLING
    )


def test_silence_for_too_long_cancels_upstream_and_is_a_fault() -> None:
    (calling() >> Expired(LATE) << CancelUpstream("Too late.") << Release() << Reply(LATE)).end(State.DONE)


def test_a_cancelled_call_is_cancelled_upstream_and_its_post_is_answered() -> None:
    reply = Reply(Fault(Kind.CANCELLED, "stop"))
    (calling() >> Cancelled("stop") << CancelUpstream("stop") << Release() << reply).end(State.DONE)


def test_a_closed_connection_cancels_upstream_and_gets_no_answer() -> None:
    (calling() >> Disconnected("gone") << CancelUpstream("gone") << Release()).end(State.DONE)


def test_a_closed_connection_that_is_no_cancel_lets_the_call_run_to_its_answer() -> None:
    (calling() >> Detached() >> Finished(RESULT) << Release() << Reply(RESULT)).end(State.DONE)


@pytest.mark.requirement("cancel.races")
@pytest.mark.parametrize("late", [Finished(RESULT), PROGRESS, Failed(FAULT), Cancelled(), Disconnected(), Leased()])
def test_after_the_end_nothing_follows_from_anything(late: Event) -> None:
    (calling() >> Finished(RESULT) << Release() << Reply(RESULT) >> late).end(State.DONE)


def test_every_row_of_the_table_is_taken_by_some_conversation_above() -> None:
    Playbook.taken.clear()
    for name, conversation in list(globals().items()):
        if name.startswith("test_") and not conversation.__code__.co_argcount and "row" not in name:
            conversation()
    assert set(TRANSITIONS) <= Playbook.taken


def test_an_exchange_tells_its_state() -> None:
    exchange = Exchange()
    assert repr(exchange) == "<Exchange NEW ->"
    exchange.receive(Called(REQUEST))
    assert repr(exchange) == "<Exchange ACQUIRING tools/call>"
