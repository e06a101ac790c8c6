"""One client request from first byte to last, as a table.

Pure; knows no era, socket or clock.

Theory of operation: the driver feeds events to `receive` one at a time and performs the effects it returns, in order,
before the next. `TRANSITIONS` is the whole behaviour: (state, type of event, case) to (next state, effects). A triple
without a row is a late event (an answer after a cancel) and changes nothing. `docs/eras.md` shows the table and draws
it, and a test compares them. What a question means for this client is `asking.Client`'s to judge.
"""

from collections.abc import Callable
from enum import Enum, auto

from app.protocol.faults import Fault, Kind
from app.relay.asking import Case, Client, Nobody, Verdict, resumed
from app.relay.catalog import Members
from app.relay.effects import (
    Acquire,
    AnswerUpstream,
    Ask,
    CancelUpstream,
    Effect,
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
    Given,
    Heard,
    Leased,
    Lost,
    NeedsInput,
    Noticed,
    Paused,
    PeerError,
    Request,
    Result,
    Withdrawn,
)
from app.relay.questions import read, without_error

# Notifications kept for a client that is away.
MAX_KEPT = 256
UNASKABLE = "The client cannot be asked what the server wants to know."
# What every call needs, made once.
NOBODY, UNJUDGED, SERVERS_TIME, ACQUIRE, RELEASE = Nobody(), Verdict(Case.ANY), SetTimer(), Acquire(), Release()
REFUSED_TO_ANSWER = Fault(Kind.CANCELLED, "The client refused to answer what the server wants to know.")


class State(Enum):
    """NEW: not asked yet. ACQUIRING: waits for a connection. CALLING: the server works. ASKING: the client is asked on
    its stream. PARKED: the client is asked by its answer, and has to come back. DONE: nothing follows.
    """

    __hash__ = object.__hash__  # a row is looked up at each event
    NEW = auto()
    ACQUIRING = auto()
    CALLING = auto()
    ASKING = auto()
    PARKED = auto()
    DONE = auto()


class Exchange:
    """The neutral machine of one request, and what is being asked in it."""

    __slots__ = ("_answers", "_kept", "_question", "_rounds", "_verdict", "case", "client", "open", "request", "state")

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or NOBODY
        self.state = State.NEW
        self.case = Case.ANY
        """What the last event meant."""
        self.request: Request | None = None
        """What the server is sent: what was asked, and once it was answered by a question, the answers too."""
        self.open: Members = {}
        """The questions of the server without an answer, by key, as the client is asked them."""
        self._question: Result | None = None
        self._answers: Members = {}
        self._kept: list[Noticed] = []
        self._rounds = 0
        self._verdict = UNJUDGED

    def __repr__(self) -> str:
        return f"<Exchange {self.state.name} {self.request.method if self.request else '-'}>"

    @property
    def done(self) -> bool:
        return self.state is State.DONE

    @property
    def waiting(self) -> list[str]:
        """The keys that the server itself waits for, in the middle of the call."""
        return [] if self._question is not None else list(self.open)

    def receive(self, event: Event) -> list[Effect]:
        """What follows from `event`. The caller performs the effects in order; after DONE there are none."""
        judge = _JUDGES.get(type(event))
        self.case = judge(self, event) if judge else Case.ANY
        row = TRANSITIONS.get((self.state, type(event), self.case))
        if row is None:
            return []
        self.state, effects = row
        return effects(self, event)

    # What an event means.

    def judge_question(self, event: NeedsInput) -> Case:
        self._verdict = self.client.judge(event.question, self._rounds)
        return self._verdict.case

    def judge_answer(self, event: Answered) -> Case:
        """Whether that leaves something to ask. An error that the server's revision has no place for is the end."""
        if self._question is not None and any(isinstance(given, PeerError) for given in self._given(event).values()):
            return Case.ERROR
        if self.open.keys() - event.answers.keys():
            return Case.SOME
        return Case.ALL if self._question is None else Case.AGAIN

    def judge_withdrawal(self, event: Withdrawn) -> Case:
        return Case.SOME if self.open.keys() - {event.key} else Case.ALL

    # What follows.

    def acquire(self, called: Called) -> list[Effect]:
        self.request = called.request
        return [SERVERS_TIME, ACQUIRE]

    def send(self, _: Leased) -> list[Effect]:
        assert self.request is not None, "there is no way to ACQUIRING but by Called"
        return [SERVERS_TIME, SendUpstream(self.request)]

    def ask(self, event: NeedsInput) -> list[Effect]:
        self._question = event.question.result
        self.open |= self._verdict.asked
        asked = [Ask(key, question) for key, question in self._verdict.asked.items()]
        return [*self.decline(event), SetTimer(asking=True), *asked]

    def decline(self, _: NeedsInput) -> list[Effect]:
        return [AnswerUpstream(key, given) for key, given in self._verdict.declined.items()]

    def park(self, event: NeedsInput) -> list[Effect]:
        return [*self.join(event), *self._tell()]

    def join(self, event: NeedsInput) -> list[Effect]:
        self.open |= self._verdict.asked
        return self.decline(event)

    def pass_on(self, _: NeedsInput) -> list[Effect]:
        # Nothing waits for the answer: the client's retry is a request of its own.
        return [Release(), Reply(self._end())]

    def go_on(self, event: NeedsInput) -> list[Effect]:
        self._question = event.question.result
        return self._again()

    def refuse_question(self, event: NeedsInput) -> list[Effect]:
        unask = self._unask()
        if event.question.result is not None:
            return [*unask, Release(), Reply(self._end())]
        self.open |= event.question.requests
        return [*unask, CancelUpstream(UNASKABLE), Release(), Reply(self._end())]

    def keep_refusal(self, event: NeedsInput) -> list[Effect]:
        self.open |= event.question.requests
        return [CancelUpstream(UNASKABLE), Release(), Keep(self._end())]

    def answer(self, event: Answered) -> list[Effect]:
        """Hand on what was answered; what else is asked stays asked."""
        given = self._given(event)
        self.open = {key: question for key, question in self.open.items() if key not in given}
        if self._question is None:
            return [AnswerUpstream(key, each) for key, each in given.items()]
        self._answers |= {key: each for key, each in given.items() if not isinstance(each, PeerError)}
        return []

    def answer_all(self, event: Answered) -> list[Effect]:
        return [SetTimer(), *self.answer(event)]

    def answer_again(self, event: Answered) -> list[Effect]:
        self.answer(event)
        return self._again()

    def give_up_asking(self, event: Answered) -> list[Effect]:
        self.answer(event)
        return [*self._unask(), Release(), Reply(REFUSED_TO_ANSWER)]

    def come_back(self, event: Answered) -> list[Effect]:
        return [SetTimer(), *self.answer(event), *self._shown()]

    def come_back_early(self, event: Answered) -> list[Effect]:
        return [*self.answer(event), *self._shown(), *self._tell()]

    def withdraw(self, event: Withdrawn) -> list[Effect]:
        return [Unask(event.key)] if self.open.pop(event.key, None) is not None else []

    def withdraw_last(self, event: Withdrawn) -> list[Effect]:
        return [*self.withdraw(event), SetTimer()]

    def forget(self, event: Withdrawn) -> list[Effect]:
        self.open.pop(event.key, None)
        return []

    def stream(self, notice: Noticed) -> list[Effect]:
        return [SetTimer(), Stream(notice)]

    def stream_on(self, notice: Noticed) -> list[Effect]:
        return [Stream(notice)]

    def go_on_waiting(self, _: Heard) -> list[Effect]:
        return [SetTimer()]

    def pause(self, paused: Paused) -> list[Effect]:
        return [SetTimer(), Pause(paused.retry)]

    def keep(self, notice: Noticed) -> list[Effect]:
        if len(self._kept) < MAX_KEPT:
            self._kept.append(notice)
        return []

    def finish(self, finished: Finished) -> list[Effect]:
        end: list[Effect] = [RELEASE, Reply(finished.outcome)]
        return [*self._unask(), *end] if self.open else end

    def keep_answer(self, finished: Finished) -> list[Effect]:
        return [Release(), Keep(finished.outcome)]

    def refuse(self, event: Failed | Expired) -> list[Effect]:
        return [Reply(event.fault)]

    def fail(self, failed: Failed) -> list[Effect]:
        return [*self._unask(), Release(), Reply(failed.fault)]

    def keep_fault(self, failed: Failed) -> list[Effect]:
        return [Release(), Keep(failed.fault)]

    def again(self, _: Lost) -> list[Effect]:
        return [Release(), Acquire()]

    def expire(self, expired: Expired) -> list[Effect]:
        return [*self._unask(), CancelUpstream(expired.fault.message), Release(), Reply(expired.fault)]

    def forsake(self, expired: Expired) -> list[Effect]:
        return [CancelUpstream(expired.fault.message), Release()]

    def give_up(self, cancelled: Cancelled) -> list[Effect]:
        # A cancelled POST still needs an HTTP answer, which its client ignores (2025-11-25, cancellation).
        return [Reply(Fault(Kind.CANCELLED, cancelled.reason))]

    def cancel(self, cancelled: Cancelled) -> list[Effect]:
        return [*self._unask(), CancelUpstream(cancelled.reason), Release(), *self.give_up(cancelled)]

    def hang_up(self, gone: Disconnected) -> list[Effect]:
        return [CancelUpstream(gone.reason), Release()]

    def nothing(self, _: Event) -> list[Effect]:
        return []

    def _given(self, event: Answered) -> dict[str, Given]:
        """What answers an open question, in the words of the server's revision."""
        known = {key: given for key, given in event.answers.items() if key in self.open}
        if self._question is None:
            return known
        return {key: without_error(read(self.open[key]), given) for key, given in known.items()}

    def _end(self) -> Result | PeerError | Fault:
        end = self._verdict.end
        assert end is not None, "whoever judges so says how it ends"
        return end

    def _again(self) -> list[Effect]:
        assert self.request is not None, "a question answers a request"
        assert self._question is not None, "an answer follows a question"
        self.request = resumed(self.request, self._question, self._answers)
        self._question, self._answers = None, {}
        self._rounds += 1
        return [SetTimer(), SendUpstream(self.request)]

    def _tell(self) -> list[Effect]:
        self._rounds += 1
        return [Park(), Reply(self.client.told(self.open, self._rounds))]

    def _shown(self) -> list[Effect]:
        kept, self._kept = self._kept, []
        return [Stream(notice) for notice in kept]

    def _unask(self) -> list[Effect]:
        return [Unask(key) for key in self.open] if self.open else []


_X = Exchange
_JUDGES: dict[type, Callable[..., Case]] = {
    NeedsInput: _X.judge_question,
    Answered: _X.judge_answer,
    Withdrawn: _X.judge_withdrawal,
}
_Row = tuple[State, Callable[..., list[Effect]]]
TRANSITIONS: dict[tuple[State, type[Event], Case], _Row] = {
    (State.NEW, Called, Case.ANY): (State.ACQUIRING, _X.acquire),
    (State.ACQUIRING, Leased, Case.ANY): (State.CALLING, _X.send),
    (State.ACQUIRING, Failed, Case.ANY): (State.DONE, _X.refuse),
    (State.ACQUIRING, Expired, Case.ANY): (State.DONE, _X.refuse),
    (State.ACQUIRING, Cancelled, Case.ANY): (State.DONE, _X.give_up),
    (State.ACQUIRING, Disconnected, Case.ANY): (State.DONE, _X.nothing),
    (State.ACQUIRING, Detached, Case.ANY): (State.ACQUIRING, _X.nothing),
    (State.CALLING, Noticed, Case.ANY): (State.CALLING, _X.stream),
    (State.CALLING, Heard, Case.ANY): (State.CALLING, _X.go_on_waiting),
    (State.CALLING, Paused, Case.ANY): (State.CALLING, _X.pause),
    (State.CALLING, NeedsInput, Case.STREAMED): (State.ASKING, _X.ask),
    (State.CALLING, NeedsInput, Case.PARKED): (State.PARKED, _X.park),
    (State.CALLING, NeedsInput, Case.PASSED): (State.DONE, _X.pass_on),
    (State.CALLING, NeedsInput, Case.EMPTY): (State.CALLING, _X.go_on),
    (State.CALLING, NeedsInput, Case.DECLINED): (State.CALLING, _X.decline),
    (State.CALLING, NeedsInput, Case.IMPOSSIBLE): (State.DONE, _X.refuse_question),
    (State.CALLING, Finished, Case.ANY): (State.DONE, _X.finish),
    (State.CALLING, Failed, Case.ANY): (State.DONE, _X.fail),
    (State.CALLING, Lost, Case.ANY): (State.ACQUIRING, _X.again),
    (State.CALLING, Expired, Case.ANY): (State.DONE, _X.expire),
    (State.CALLING, Cancelled, Case.ANY): (State.DONE, _X.cancel),
    (State.CALLING, Disconnected, Case.ANY): (State.DONE, _X.hang_up),
    (State.CALLING, Detached, Case.ANY): (State.CALLING, _X.nothing),
    (State.ASKING, Noticed, Case.ANY): (State.ASKING, _X.stream_on),
    (State.ASKING, NeedsInput, Case.STREAMED): (State.ASKING, _X.ask),
    (State.ASKING, NeedsInput, Case.DECLINED): (State.ASKING, _X.decline),
    (State.ASKING, Answered, Case.ALL): (State.CALLING, _X.answer_all),
    (State.ASKING, Answered, Case.AGAIN): (State.CALLING, _X.answer_again),
    (State.ASKING, Answered, Case.SOME): (State.ASKING, _X.answer),
    (State.ASKING, Answered, Case.ERROR): (State.DONE, _X.give_up_asking),
    (State.ASKING, Withdrawn, Case.ALL): (State.CALLING, _X.withdraw_last),
    (State.ASKING, Withdrawn, Case.SOME): (State.ASKING, _X.withdraw),
    (State.ASKING, Finished, Case.ANY): (State.DONE, _X.finish),
    (State.ASKING, Failed, Case.ANY): (State.DONE, _X.fail),
    (State.ASKING, Expired, Case.ANY): (State.DONE, _X.expire),
    (State.ASKING, Cancelled, Case.ANY): (State.DONE, _X.cancel),
    (State.ASKING, Disconnected, Case.ANY): (State.DONE, _X.hang_up),
    (State.ASKING, Detached, Case.ANY): (State.ASKING, _X.nothing),
    (State.PARKED, Noticed, Case.ANY): (State.PARKED, _X.keep),
    (State.PARKED, NeedsInput, Case.PARKED): (State.PARKED, _X.join),
    (State.PARKED, NeedsInput, Case.DECLINED): (State.PARKED, _X.decline),
    (State.PARKED, NeedsInput, Case.IMPOSSIBLE): (State.DONE, _X.keep_refusal),
    (State.PARKED, Answered, Case.ALL): (State.CALLING, _X.come_back),
    (State.PARKED, Answered, Case.SOME): (State.PARKED, _X.come_back_early),
    (State.PARKED, Withdrawn, Case.ALL): (State.PARKED, _X.forget),
    (State.PARKED, Withdrawn, Case.SOME): (State.PARKED, _X.forget),
    (State.PARKED, Finished, Case.ANY): (State.DONE, _X.keep_answer),
    (State.PARKED, Failed, Case.ANY): (State.DONE, _X.keep_fault),
    (State.PARKED, Expired, Case.ANY): (State.DONE, _X.forsake),
    (State.PARKED, Disconnected, Case.ANY): (State.PARKED, _X.nothing),
}
