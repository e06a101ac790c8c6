"""Whether and how a server's question reaches the client of the call: the difference between the four cells.

Pure; sealing and minting are arguments. A client with a session (legacy) is asked by requests on its call's stream; one
without (modern) gets the question as its answer, and comes back (PROTOCOL.md sections 3.5, 4 and 8, the hard cells).
"""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.versions import LATEST_LEGACY, Era
from app.relay import downstream_legacy, downstream_modern, questions
from app.relay.catalog import Members
from app.relay.continuation import ANSWERS, STATE
from app.relay.events import Given, PeerError, Question, Request, Result
from app.relay.questions import Read

MAX_ROUNDS = 10


class Case(Enum):
    """Which of several things an event means; the words of the transition table."""

    __hash__ = object.__hash__  # a row is looked up at each event
    ANY = ""
    STREAMED = "client with a session"
    PARKED = "client without one, live call"
    PASSED = "client without one, answered call"
    DECLINED = "not for the client, live call"
    EMPTY = "nothing asked"
    IMPOSSIBLE = "the client cannot be asked"
    ALL = "nothing left to ask"
    AGAIN = "nothing left to ask, answered call"
    SOME = "more to ask"
    ERROR = "an error that the server cannot be told"


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a question: `asked` of the client, `declined` by us, or the `end` of the call."""

    case: Case
    asked: Members = {}
    declined: dict[str, Given] = {}
    end: Result | PeerError | Fault | None = None


class Client(Protocol):
    """The client of a call, as one who may be asked."""

    def judge(self, question: Question, rounds: int) -> Verdict:
        """What to do with a question, after so many answered ones of this call."""
        ...

    def told(self, asked: Members, rounds: int) -> Result | Fault:
        """The answer that asks a client to come back with these."""
        ...


class Nobody:
    """A client that cannot be asked: a question to it is declined, or is the end."""

    def __init__(self, server: str = "") -> None:
        self._server = server

    def judge(self, question: Question, rounds: int) -> Verdict:  # noqa: ARG002
        asked = {key: questions.read(raw) for key, raw in question.requests.items()}
        if question.result is None:
            return _declining(asked)
        return Verdict(Case.IMPOSSIBLE, end=self._unaskable())

    def told(self, asked: Members, rounds: int) -> Result | Fault:  # noqa: ARG002
        return self._unaskable()

    def _unaskable(self) -> Fault:
        who = f"Server {self._server}" if self._server else "The server"
        return Fault(Kind.PROTOCOL, f"{who} asked for input that the client cannot give.", self._server or None)


class SessionClient:
    """A client of a legacy session of that `version`, which declared `declared`; `roots`: whether they are passed on.

    `tool`: the call is one of a tool, whose results can say what went wrong. `mint` gives a new name.
    """

    def __init__(
        self, server: str, version: str, declared: Members, mint: Callable[[], str], *, roots: bool, tool: bool
    ) -> None:
        self._server = server
        self._version = version
        self._declared = declared if roots else _without_roots(declared)
        self._mint = mint
        self._tool = tool

    def judge(self, question: Question, rounds: int) -> Verdict:
        asked = {key: questions.read(raw) for key, raw in question.requests.items()}
        refused = {key: read for key, read in asked.items() if self._lacks(read)}
        live = question.result is None
        if not live and (refused or rounds >= MAX_ROUNDS):
            return Verdict(Case.IMPOSSIBLE, end=self._end(next(iter(refused.values()), None)))
        if refused and len(refused) == len(asked):
            return _declining(refused)
        if not asked:
            return Verdict(Case.EMPTY)
        wanted = {key: self._worded(read) for key, read in asked.items() if key not in refused}
        return Verdict(Case.STREAMED, wanted, _declining(refused).declined)

    def told(self, asked: Members, rounds: int) -> Result | Fault:
        raise NotImplementedError("a client with a session is asked on its stream")

    def _lacks(self, read: Read) -> bool:
        if read.method not in questions.METHODS:
            return True
        too_old = questions.is_url(read) and self._version != LATEST_LEGACY
        return too_old or bool(questions.lacking([read], self._declared))

    def _worded(self, read: Read) -> msgspec.Raw:
        return questions.to_raw(downstream_legacy.to_question(questions.signed(read, self._server), self._mint))

    def _end(self, refused: Read | None) -> Result | Fault:
        if refused is None:
            text = f"Server {self._server} asked {MAX_ROUNDS} times and wants to know more; the call was given up."
        elif questions.is_url(refused):
            text = (
                f"Server {self._server} wants to send its user to a URL, which this client does not support (mode url)."
            )
        else:
            lacks = ", ".join(questions.needed(refused)) if refused.method in questions.METHODS else refused.method
            text = f"Server {self._server} asked for what this client has not declared: {lacks}."
        if self._tool:
            return downstream_legacy.tool_error(text)
        return Fault(Kind.PROTOCOL, text, self._server)


class StatelessClient:
    """A modern client: `declared` by the very request. `seal` makes what the client carries back.

    `seal(question, rounds)` is for a question whose call is over (0) or goes on (its round). `full` says why no more
    calls may wait. `roots` as above; `one`: the server's session is everybody's, and nothing it asks is anybody's.
    """

    def __init__(
        self,
        server: str,
        declared: Members,
        seal: Callable[[Result, int], Result | Fault],
        full: Callable[[], Fault | None],
        *,
        roots: bool,
        one: bool,
    ) -> None:
        self._server = server
        self._full = full
        self._declared = declared
        self._seal = seal
        self._roots = roots
        self._one = one

    def judge(self, question: Question, rounds: int) -> Verdict:  # noqa: ARG002
        asked = {key: questions.read(raw) for key, raw in question.requests.items()}
        if question.result is not None:
            return self._passed(question.result, asked)
        refused = {key: read for key, read in asked.items() if self._declines(read)}
        wanted = {key: read for key, read in asked.items() if key not in refused}
        if not wanted:
            return _declining(refused)
        missing = questions.lacking(list(wanted.values()), self._declared)
        if missing:
            return Verdict(Case.IMPOSSIBLE, end=_incapable(missing))
        if full := self._full():
            return Verdict(Case.IMPOSSIBLE, end=full)
        words = {key: downstream_modern.to_question(read) for key, read in wanted.items()}
        signed = {key: questions.to_raw(questions.signed(read, self._server)) for key, read in words.items()}
        return Verdict(Case.PARKED, signed, _declining(refused).declined)

    def told(self, asked: Members, rounds: int) -> Result | Fault:
        return self._seal(to_question(asked), rounds)

    def _declines(self, read: Read) -> bool:
        withheld = read.method == questions.ROOTS and not self._roots
        return self._one or withheld or read.method not in questions.METHODS

    def _passed(self, result: Result, asked: dict[str, Read]) -> Verdict:
        legacy = result.era is Era.LEGACY
        missing = questions.lacking(list(asked.values()), self._declared) if legacy else {}
        if missing:
            return Verdict(Case.IMPOSSIBLE, end=_incapable(missing))
        signed = {key: questions.to_raw(questions.signed(read, self._server)) for key, read in asked.items()}
        named = Result(with_questions(result.raw, signed), Era.MODERN)
        return Verdict(Case.PASSED, end=self._seal(named, 0))


def to_question(asked: Members) -> Result:
    """A modern question made of these."""
    raw = msgspec.json.encode({"resultType": "input_required", "inputRequests": asked})
    return Result(msgspec.Raw(raw), Era.MODERN)


def with_questions(raw: msgspec.Raw, asked: Members) -> msgspec.Raw:
    """A modern question with other words in it, all else as it was."""
    members = questions.members_of(raw) or {}
    if not asked:
        return raw
    return msgspec.Raw(msgspec.json.encode({**members, "inputRequests": asked}))


def resumed(request: Request, question: Result, answers: Members) -> Request:
    """The request once more, with the answers to `question` and the server's own state, byte for byte."""
    params = {name: value for name, value in request.params.items() if name not in (ANSWERS, STATE)}
    if answers:
        params[ANSWERS] = msgspec.Raw(msgspec.json.encode(answers))
    state = (questions.members_of(question.raw) or {}).get(STATE)
    if state is not None and bytes(state) != b"null":
        params[STATE] = state
    return msgspec.structs.replace(request, params=params)


def _declining(refused: dict[str, Read]) -> Verdict:
    return Verdict(Case.DECLINED, declined={key: questions.declined(read) for key, read in refused.items()})


def _incapable(missing: questions.Needed) -> Fault:
    text = f"The server needs a client capability for this that the request does not declare: {', '.join(missing)}."
    return Fault(Kind.MISSING_CAPABILITY, text, data={"requiredCapabilities": missing})


def _without_roots(declared: Members) -> Members:
    return {name: value for name, value in declared.items() if name != "roots"}
