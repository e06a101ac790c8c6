"""What a server's question comes to, for each kind of client."""

from typing import Any

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.asking import MAX_ROUNDS, Case, Nobody, SessionClient, StatelessClient, resumed, with_questions
from app.relay.events import Question, Request, Result
from app.relay.questions import UNKNOWN

FORM = {"method": "elicitation/create", "params": {"message": "Name?", "mode": "form"}}
URL = {"method": "elicitation/create", "params": {"message": "Go", "mode": "url", "url": "https://a/"}}
SAMPLING = {"method": "sampling/createMessage", "params": {"messages": []}}
ROOTS = {"method": "roots/list"}
ODD = {"method": "tools/list"}
SIGNED = {"mcp-proxy/server": "files"}
ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
DECLINED = msgspec.Raw(b'{"action":"decline"}')
FULL = Fault(Kind.BUSY, "full")


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def live(**asked: object) -> Question:
    return Question({key: raw(value) for key, value in asked.items()})


def over(era: Era = Era.MODERN, **asked: object) -> Question:
    whole = {"resultType": "input_required", "inputRequests": asked, "requestState": "s", "other": 1.0}
    return Question({key: raw(value) for key, value in asked.items()}, Result(raw(whole), era))


def members(declared: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return {name: raw(value) for name, value in declared.items()}


def session(declared: dict[str, Any], version: str = "2025-11-25", **more: Any) -> SessionClient:
    return SessionClient("files", version, members(declared), lambda: "minted", **{"roots": True, "tool": True, **more})


def stateless(declared: dict[str, Any], *, full: Fault | None = None, **more: Any) -> StatelessClient:
    def seal(question: Result, rounds: int) -> Result:
        return Result(raw({**msgspec.json.decode(question.raw), "sealed": rounds}), Era.MODERN)

    return StatelessClient("files", members(declared), seal, lambda: full, **{"roots": True, "one": False, **more})


def test_a_session_is_asked_in_its_own_words_with_the_name_of_who_asks() -> None:
    verdict = session(ALL).judge(live(a=FORM, b=URL, c=SAMPLING, d=ROOTS), 0)
    assert verdict.case is Case.STREAMED
    assert plain(verdict.asked) == {
        "a": {"method": "elicitation/create", "params": {"message": "[files] Name?", "_meta": SIGNED}},
        "b": {
            "method": "elicitation/create",
            "params": {
                "message": "[files] Go", "mode": "url", "url": "https://a/", "_meta": SIGNED, "elicitationId": "minted",
            },
        },
        "c": {"method": "sampling/createMessage", "params": {"messages": [], "_meta": SIGNED}},
        "d": {"method": "roots/list", "params": {"_meta": SIGNED}},
    }  # fmt: skip


def test_what_a_session_cannot_be_asked_is_declined_and_the_rest_is_asked() -> None:
    verdict = session({"elicitation": {}}).judge(live(a=FORM, b=SAMPLING, c=ODD), 0)
    assert (verdict.case, list(verdict.asked), verdict.declined) == (
        Case.STREAMED, ["a"], {"b": UNKNOWN, "c": UNKNOWN},
    )  # fmt: skip
    nothing = session({}).judge(live(a=FORM), 0)
    assert (nothing.case, nothing.declined) == (Case.DECLINED, {"a": DECLINED})


@pytest.mark.parametrize(
    ("client", "question"),
    [(session(ALL, "2025-06-18"), live(a=URL)), (session(ALL, roots=False), live(a=ROOTS))],
)
def test_a_session_is_not_asked_what_its_revision_or_the_config_withholds(
    client: SessionClient, question: Question
) -> None:
    assert client.judge(question, 0).case is Case.DECLINED


@pytest.mark.parametrize(
    ("client", "question", "rounds", "says"),
    [
        (session({"elicitation": {}}), over(a=SAMPLING), 0, "has not declared: sampling"),
        (session(ALL, "2025-06-18"), over(a=URL), 0, "mode url"),
        (session(ALL), over(a=ODD), 0, "has not declared: tools/list"),
        (session(ALL), over(a=FORM), MAX_ROUNDS, "asked 10 times"),
    ],
)
def test_the_end_of_a_tools_call_that_cannot_ask_is_a_result_that_says_so(
    client: SessionClient, question: Question, rounds: int, says: str
) -> None:
    verdict = client.judge(question, rounds)
    assert verdict.case is Case.IMPOSSIBLE
    assert isinstance(verdict.end, Result)
    found = msgspec.json.decode(verdict.end.raw)
    assert found["isError"] is True
    assert says in found["content"][0]["text"]


def test_the_end_of_another_call_is_a_fault_of_the_servers() -> None:
    end = session({}, tool=False).judge(over(a=FORM), 0).end
    assert isinstance(end, Fault)
    assert (end.kind, end.server) == (Kind.PROTOCOL, "files")


def test_a_question_without_questions_asks_to_be_called_again() -> None:
    assert session({}).judge(over(), 0).case is Case.EMPTY


@pytest.mark.requirement("http.no_requests")
def test_a_client_without_a_session_is_asked_by_an_answer_that_leads_back() -> None:
    client = stateless(ALL)
    verdict = client.judge(live(a=FORM, b=ROOTS), 0)
    assert verdict.case is Case.PARKED
    told = client.told(verdict.asked, 3)
    assert isinstance(told, Result)
    assert msgspec.json.decode(told.raw) == {
        "resultType": "input_required",
        "sealed": 3,
        "inputRequests": {
            "a": {
                "method": "elicitation/create",
                "params": {"message": "[files] Name?", "mode": "form", "_meta": SIGNED},
            },
            "b": {"method": "roots/list", "params": {"_meta": SIGNED}},
        },
    }


@pytest.mark.requirement("ask.declared")
@pytest.mark.parametrize(
    ("declared", "asked", "missing"),
    [
        ({}, live(a=FORM, b=SAMPLING), {"elicitation": {"form": {}}, "sampling": {}}),
        ({"elicitation": {}}, over(Era.LEGACY, a=URL), {"elicitation": {"url": {}}}),
    ],
)
def test_a_client_that_lacks_a_capability_is_told_which(declared: Any, asked: Question, missing: Any) -> None:
    verdict = stateless(declared).judge(asked, 0)
    assert verdict.case is Case.IMPOSSIBLE
    assert isinstance(verdict.end, Fault)
    assert (verdict.end.kind, verdict.end.row.code, verdict.end.row.modern) == (Kind.MISSING_CAPABILITY, -32021, 400)
    assert verdict.end.data == {"requiredCapabilities": missing}


def test_no_more_calls_wait_for_a_client_than_may() -> None:
    verdict = stateless(ALL, full=FULL).judge(live(a=FORM), 0)
    assert (verdict.case, verdict.end) == (Case.IMPOSSIBLE, FULL)


@pytest.mark.parametrize(("client", "asked"), [
    (stateless(ALL, roots=False), live(a=ROOTS)),
    (stateless(ALL, one=True), live(a=SAMPLING)),
    (stateless(ALL), live(a=ODD)),
])  # fmt: skip
def test_what_is_not_for_the_client_is_declined_and_the_call_goes_on(client: StatelessClient, asked: Question) -> None:
    verdict = client.judge(asked, 0)
    assert (verdict.case, verdict.declined) == (Case.DECLINED, {"a": UNKNOWN})


def test_a_modern_servers_question_passes_whole_but_for_the_name_of_who_asks() -> None:
    end = stateless({}).judge(over(a=FORM), 0).end
    assert isinstance(end, Result)
    found = msgspec.json.decode(end.raw)
    assert found.pop("inputRequests")["a"]["params"]["message"] == "[files] Name?"
    assert found == {"resultType": "input_required", "requestState": "s", "other": 1.0, "sealed": 0}
    bare = msgspec.Raw(b'{"resultType":"input_required",  "requestState":"s"}')
    assert bytes(with_questions(bare, {})) == bytes(bare)


def test_a_request_made_again_carries_answers_and_state_and_nothing_of_the_last_time() -> None:
    request = Request(
        "tools/call", {"name": raw("x"), "inputResponses": raw({"old": {}}), "requestState": raw("old")}, {}
    )
    state = msgspec.Raw(b'{"requestState":"\\u0061"}')
    found = resumed(request, Result(state, Era.MODERN), {"a": raw({"b": 1})}).params
    assert {name: bytes(value) for name, value in found.items()} == {
        "name": b'"x"', "inputResponses": b'{"a":{"b":1}}', "requestState": b'"\\u0061"',
    }  # fmt: skip
    assert list(resumed(request, Result(raw({}), Era.MODERN), {}).params) == ["name"]


def test_nobody_declines_what_waits_and_ends_what_does_not() -> None:
    assert Nobody("files").judge(live(a=FORM), 0).declined == {"a": DECLINED}
    end = Nobody("files").judge(over(a=FORM), 0).end
    assert isinstance(end, Fault)
    assert (end.server, Nobody("files").told({}, 1)) == ("files", end)


def test_a_session_is_never_told_to_come_back() -> None:
    with pytest.raises(NotImplementedError):
        session({}).told({}, 1)
