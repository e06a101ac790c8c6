"""The exchange, transition by transition."""

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.asking import Case, Verdict
from app.relay.effects import (
    Acquire,
    AnswerUpstream,
    Ask,
    CancelUpstream,
    Keep,
    Park,
    Pause,
    Release,
    Reply,
    SendUpstream,
    SetTimer,
    Stream,
    Unask,
)
from app.relay.events import (
    Answered,
    Called,
    Cancelled,
    Detached,
    Disconnected,
    Event,
    Expired,
    Failed,
    Finished,
    Heard,
    Leased,
    Lost,
    NeedsInput,
    Noticed,
    Paused,
    PeerError,
    Question,
    Request,
    Result,
    Withdrawn,
)
from app.relay.exchange import MAX_KEPT, REFUSED_TO_ANSWER, TRANSITIONS, UNASKABLE, Exchange, State
from app.relay.questions import UNKNOWN
from tests.support.playbook import Playbook

REQUEST = Request("tools/call", {"name": msgspec.Raw(b'"echo"')}, {})
RESULT = Result(msgspec.Raw(b'{"content":[]}'), Era.LEGACY)
QUESTION = Result(msgspec.Raw(b'{"resultType":"input_required"}'), Era.MODERN)
ERROR = PeerError(msgspec.Raw(b'{"code":-32000,"message":"no"}'))
FORM = msgspec.Raw(b'{"method":"elicitation/create","params":{}}')
SAMPLING = msgspec.Raw(b'{"method":"sampling/createMessage","params":{}}')
YES = msgspec.Raw(b'{"action":"accept"}')
NO = msgspec.Raw(b'{"action":"reject"}')
DECLINED = msgspec.Raw(b'{"action":"decline"}')
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


@pytest.mark.requirement("cancel.races", "cancel.own")
@pytest.mark.parametrize("late", [Finished(RESULT), PROGRESS, Failed(FAULT), Cancelled(), Disconnected(), Leased()])
def test_after_the_end_nothing_follows_from_anything(late: Event) -> None:
    (calling() >> Finished(RESULT) << Release() << Reply(RESULT) >> late).end(State.DONE)


@pytest.mark.requirement("ask.methods")
def test_a_question_of_an_answered_call_that_nobody_can_be_asked_is_a_fault() -> None:
    unaskable = Fault(Kind.PROTOCOL, "The server asked for input that the client cannot give.")
    (calling() >> NeedsInput(Question({"n": FORM}, QUESTION)) << Release() << Reply(unaskable)).end(State.DONE)


def test_a_question_of_a_live_call_that_nobody_can_be_asked_is_declined_and_the_call_goes_on() -> None:
    play = calling() >> asks(n=FORM, s=SAMPLING) << AnswerUpstream("n", DECLINED) << AnswerUpstream("s", UNKNOWN)
    (play >> Finished(RESULT) << Release() << Reply(RESULT)).end(State.DONE)


class With:
    """A client with a session that is asked everything."""

    def judge(self, question: Question, rounds: int) -> Verdict:
        if not question.requests:
            return Verdict(Case.EMPTY)
        if "odd" in question.requests:
            return Verdict(Case.DECLINED, declined={"odd": UNKNOWN})
        return Verdict(Case.STREAMED, question.requests)

    def told(self, asked: dict[str, msgspec.Raw], rounds: int) -> Result:
        raise AssertionError("asked on its stream")


class Without:
    """A client without a session. What it is told says the round and the keys."""

    def judge(self, question: Question, rounds: int) -> Verdict:
        if "never" in question.requests:
            return Verdict(Case.IMPOSSIBLE, end=FAULT)
        if "odd" in question.requests:
            return Verdict(Case.DECLINED, declined={"odd": UNKNOWN})
        if question.result is not None:
            return Verdict(Case.PASSED, end=question.result)
        return Verdict(Case.PARKED, question.requests)

    def told(self, asked: dict[str, msgspec.Raw], rounds: int) -> Result:
        return told(rounds, *asked)


def told(rounds: int, *keys: str) -> Result:
    return Result(msgspec.Raw(msgspec.json.encode([rounds, *keys])), Era.MODERN)


def asks(**questions: msgspec.Raw) -> NeedsInput:
    return NeedsInput(Question(questions))


def called(client: With | Without) -> Playbook:
    play = Playbook(client) >> Called(REQUEST) << SetTimer() << Acquire()
    return play >> Leased() << SetTimer() << SendUpstream(REQUEST)


def asking() -> Playbook:
    play = called(With()) >> asks(a=FORM, b=SAMPLING)
    return play << SetTimer(asking=True) << Ask("a", FORM) << Ask("b", SAMPLING)


def parked() -> Playbook:
    return called(Without()) >> asks(a=FORM, b=SAMPLING) << Park() << Reply(told(1, "a", "b"))


def test_a_client_with_a_session_is_asked_on_its_stream_and_each_answer_goes_to_the_server_at_once() -> None:
    play = asking() >> Answered({"b": YES}) << AnswerUpstream("b", YES)
    play >> Answered({"a": ERROR}) << SetTimer() << AnswerUpstream("a", ERROR)
    (play >> Finished(RESULT) << Release() << Reply(RESULT)).end(State.DONE)


def test_what_happens_while_the_client_is_asked_is_shown_to_it_and_another_question_joins() -> None:
    play = asking() >> PROGRESS << Stream(PROGRESS)
    play >> asks(c=FORM) << SetTimer(asking=True) << Ask("c", FORM)
    play >> asks(odd=FORM) << AnswerUpstream("odd", UNKNOWN)
    (play >> Answered({"a": YES, "b": YES, "c": YES}) << SetTimer() << AnswerUpstream("a", YES)
     << AnswerUpstream("b", YES) << AnswerUpstream("c", YES)).end(State.CALLING)  # fmt: skip


def test_an_answer_to_what_was_not_asked_is_none() -> None:
    (asking() >> Answered({"z": YES})).end(State.ASKING)


def test_a_question_that_the_server_takes_back_is_taken_back_from_the_client() -> None:
    play = asking() >> Withdrawn("a") << Unask("a") >> Withdrawn("z")
    (play >> Withdrawn("b") << Unask("b") << SetTimer() >> Answered({"a": YES})).end(State.CALLING)


def test_a_server_that_does_not_wait_for_the_answers_has_its_own_passed_and_the_client_is_told() -> None:
    (asking() >> Finished(RESULT) << Unask("a") << Unask("b") << Release() << Reply(RESULT)).end(State.DONE)


def test_a_server_that_dies_while_the_client_is_asked_is_a_fault() -> None:
    (asking() >> Failed(FAULT) << Unask("a") << Unask("b") << Release() << Reply(FAULT)).end(State.DONE)


def test_a_client_that_never_answers_costs_nothing_after_its_time() -> None:
    play = asking() >> Expired(LATE) << Unask("a") << Unask("b")
    (play << CancelUpstream("Too late.") << Release() << Reply(LATE)).end(State.DONE)


def test_a_client_that_cancels_while_it_is_asked_is_asked_no_more() -> None:
    play = asking() >> Cancelled("stop") << Unask("a") << Unask("b") << CancelUpstream("stop") << Release()
    (play << Reply(Fault(Kind.CANCELLED, "stop"))).end(State.DONE)


def test_a_client_that_leaves_while_it_is_asked_may_come_back_where_that_is_no_cancel() -> None:
    (asking() >> Detached() >> Answered({"a": YES, "b": YES}) << SetTimer() << AnswerUpstream("a", YES)
     << AnswerUpstream("b", YES)).end(State.CALLING)  # fmt: skip
    (asking() >> Disconnected("gone") << CancelUpstream("gone") << Release()).end(State.DONE)


def test_answers_for_a_server_without_sessions_are_gathered_and_the_request_is_made_again_with_its_state() -> None:
    question = Result(msgspec.Raw(b'{"resultType":"input_required","requestState":"th\\u0065irs"}'), Era.MODERN)
    play = called(With()) >> NeedsInput(Question({"a": FORM, "b": FORM}, question))
    play << SetTimer(asking=True) << Ask("a", FORM) << Ask("b", FORM)
    play >> Answered({"a": YES})
    play >> Answered({"b": ERROR})
    assert play.exchange.request is not None
    sent = {name: bytes(value) for name, value in play.exchange.request.params.items()}
    assert sent == {
        "name": b'"echo"',
        "inputResponses": b'{"a":{"action":"accept"},"b":{"action":"cancel"}}',
        "requestState": b'"th\\u0065irs"',
    }
    play << SetTimer() << SendUpstream(play.exchange.request)
    (play >> Finished(RESULT) << Release() << Reply(RESULT)).end(State.DONE)


def test_a_server_that_asks_nothing_but_to_be_called_again_is() -> None:
    play = called(With()) >> NeedsInput(Question({}, QUESTION))
    (play << SetTimer() << SendUpstream(REQUEST)).end(State.CALLING)


def test_an_error_that_such_a_server_cannot_be_told_is_the_end() -> None:
    play = called(With()) >> NeedsInput(Question({"a": SAMPLING, "b": FORM}, QUESTION))
    play << SetTimer(asking=True) << Ask("a", SAMPLING) << Ask("b", FORM)
    (play >> Answered({"a": ERROR}) << Unask("b") << Release() << Reply(REFUSED_TO_ANSWER)).end(State.DONE)


def test_a_client_without_a_session_gets_the_question_of_an_answered_call_and_nothing_is_kept() -> None:
    (called(Without()) >> NeedsInput(Question({"a": FORM}, QUESTION)) << Release() << Reply(QUESTION)).end(State.DONE)


def test_a_client_that_lacks_what_it_takes_ends_the_call() -> None:
    play = called(Without()) >> asks(never=FORM) << CancelUpstream(UNASKABLE)
    (play << Release() << Reply(FAULT)).end(State.DONE)
    assert play.exchange.waiting == ["never"], "the server is told, when the lease goes back, that it waits for nothing"
    play = parked() >> asks(never=FORM) << CancelUpstream(UNASKABLE)
    (play << Release() << Keep(FAULT)).end(State.DONE)
    assert play.exchange.waiting == ["a", "b", "never"]


def test_a_parked_call_goes_on_when_its_client_comes_back_with_the_answers() -> None:
    play = parked() >> Answered({"a": YES, "b": NO, "z": YES}) << SetTimer()
    play << AnswerUpstream("a", YES) << AnswerUpstream("b", NO)
    (play >> Finished(RESULT) << Release() << Reply(RESULT)).end(State.DONE)


def test_what_is_not_answered_is_asked_again_with_what_came_meanwhile() -> None:
    play = parked() >> asks(c=FORM) >> asks(odd=FORM) << AnswerUpstream("odd", UNKNOWN)
    play >> Answered({"a": YES}) << AnswerUpstream("a", YES) << Park() << Reply(told(2, "b", "c"))
    play >> Answered({"b": YES, "c": YES}) << SetTimer() << AnswerUpstream("b", YES) << AnswerUpstream("c", YES)
    play.end(State.CALLING)


def test_a_question_that_the_server_takes_back_from_a_parked_client_is_not_asked_again() -> None:
    play = parked() >> Withdrawn("a") >> Answered({"z": YES}) << Park() << Reply(told(2, "b"))
    (play >> Withdrawn("b") >> Answered({}) << SetTimer()).end(State.CALLING)


def test_what_a_server_says_to_a_parked_client_is_kept_for_its_return_up_to_a_bound() -> None:
    play = parked()
    for _ in range(MAX_KEPT + 3):
        play = play >> PROGRESS
    play = play >> Answered({"a": YES, "b": YES}) << SetTimer() << AnswerUpstream("a", YES) << AnswerUpstream("b", YES)
    for _ in range(MAX_KEPT):
        play = play << Stream(PROGRESS)
    play.end(State.CALLING)


def test_how_a_parked_call_ends_is_kept_for_its_client() -> None:
    (parked() >> Finished(RESULT) << Release() << Keep(RESULT)).end(State.DONE)
    (parked() >> Failed(FAULT) << Release() << Keep(FAULT)).end(State.DONE)
    (parked() >> asks(never=FORM) << CancelUpstream(UNASKABLE) << Release() << Keep(FAULT)).end(State.DONE)


@pytest.mark.requirement("ask.unanswered")
def test_a_parked_client_that_never_comes_back_costs_nothing_after_its_time() -> None:
    (parked() >> Disconnected() >> Expired(LATE) << CancelUpstream("Too late.") << Release()).end(State.DONE)


def test_a_sign_of_life_is_one_and_a_stream_that_the_server_let_go_of_is_let_go_of() -> None:
    (calling() >> Heard() << SetTimer() >> Paused(500) << SetTimer() << Pause(500)).end(State.CALLING)


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
