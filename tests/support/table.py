"""Every row of the exchange's table, taken once: what each event really leads to, for the documents and their tests."""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay import events
from app.relay.asking import Case, Verdict
from app.relay.catalog import Members
from app.relay.exchange import TRANSITIONS, Exchange, State

Row = tuple[State, type[events.Event], Case]

FAULT = Fault(Kind.TIMEOUT, "late")
RAW = msgspec.Raw(b"{}")
ELICITATION = msgspec.Raw(b'{"method":"elicitation/create","params":{}}')
SAMPLING = msgspec.Raw(b'{"method":"sampling/createMessage","params":{}}')
RESULT = events.Result(RAW, Era.MODERN)
ERROR = events.PeerError(msgspec.Raw(b'{"code":-1,"message":"no"}'))
WAYS = {State.ASKING: Case.STREAMED, State.PARKED: Case.PARKED}
ONCE: dict[type[events.Event], events.Event] = {
    events.Called: events.Called(events.Request("tools/call", {}, {})),
    events.Leased: events.Leased(),
    events.Noticed: events.Noticed("notifications/progress", msgspec.Raw()),
    events.Heard: events.Heard(),
    events.Paused: events.Paused(500),
    events.Finished: events.Finished(RESULT),
    events.Failed: events.Failed(FAULT),
    events.Lost: events.Lost(),
    events.Expired: events.Expired(FAULT),
    events.Cancelled: events.Cancelled("no longer wanted"),
    events.Disconnected: events.Disconnected(),
    events.Detached: events.Detached(),
}


class Judged:
    """A client whose questions all come to the same."""

    def __init__(self) -> None:
        self.verdict = Verdict(Case.ANY)

    def judge(self, question: events.Question, rounds: int) -> Verdict:
        return self.verdict

    def told(self, asked: Members, rounds: int) -> events.Result:
        return RESULT


def take(row: Row) -> tuple[State, list[str]]:
    """Bring an exchange to the state of a row and let its event happen: the next state, and the names of effects."""
    state, kind, case = row
    client = Judged()
    exchange = Exchange(client)
    answered = case in (Case.AGAIN, Case.ERROR)
    if state is not State.NEW:
        exchange.receive(ONCE[events.Called])
    if state not in (State.NEW, State.ACQUIRING):
        exchange.receive(ONCE[events.Leased])
    if state in WAYS:
        asked = {"a": SAMPLING} if answered or case is Case.ALL else {"a": SAMPLING, "b": ELICITATION}
        client.verdict = Verdict(WAYS[state], asked)
        exchange.receive(events.NeedsInput(events.Question(asked, RESULT if answered else None)))
        if state is State.PARKED and kind is events.Answered:
            exchange.receive(ONCE[events.Noticed])
    assert exchange.state is state, row
    given = ERROR if case is Case.ERROR else RAW
    event = {
        events.NeedsInput: _question(client, case),
        events.Answered: events.Answered({"a": given}),
        events.Withdrawn: events.Withdrawn("a"),
    }.get(kind) or ONCE[kind]
    effects = [type(effect).__name__ for effect in exchange.receive(event)]
    assert exchange.case is case, row
    return exchange.state, list(dict.fromkeys(effects))


def _question(client: Judged, case: Case) -> events.NeedsInput:
    asked = {} if case in (Case.DECLINED, Case.EMPTY, Case.IMPOSSIBLE, Case.PASSED) else {"c": ELICITATION}
    declined = {"c": RAW} if case is Case.DECLINED else {}
    end = FAULT if case is Case.IMPOSSIBLE else RESULT if case is Case.PASSED else None
    live = case not in (Case.EMPTY, Case.PASSED)
    question = events.NeedsInput(events.Question({"c": ELICITATION}, None if live else RESULT))
    if case in (Case.STREAMED, Case.PARKED, Case.PASSED, Case.DECLINED, Case.EMPTY, Case.IMPOSSIBLE):
        client.verdict = Verdict(case, asked, declined, end)
    return question


def table() -> list[list[str]]:
    """State, event, next state and effects of every row, as the documents write them."""
    found: list[list[str]] = []
    for row, (target, _) in TRANSITIONS.items():
        state, kind, case = row
        reached, effects = take(row)
        assert reached is target, row
        event = kind.__name__ + (f", {case.value}" if case.value else "")
        found.append([state.name, event, "same" if target is state else target.name, ", ".join(effects) or "none"])
    return found


def diagram() -> list[str]:
    """The lines of a Mermaid state diagram: an arrow for each pair of states, with the events that lead along it."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, kind, _), (target, _) in TRANSITIONS.items():
        if target is not state:
            names = arrows.setdefault((state, target), [])
            names += [kind.__name__] if kind.__name__ not in names else []
    drawn = [f"    {state.name} --> {target.name}: {', '.join(names)}" for (state, target), names in arrows.items()]
    return ["stateDiagram-v2", "    [*] --> NEW", *drawn, "    DONE --> [*]"]


if __name__ == "__main__":
    print("\n".join(f"| {' | '.join(row)} |" for row in table()))
    print("\n".join(diagram()))
