"""What a client carries from a server's question to its answer, and every way in which it can be wrong."""

import base64
import json
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Members
from app.relay.continuation import LIFETIME, READABLE, REFUSED, Continuations, Turn, binding_of, with_state
from app.relay.events import Result
from tests.support.clock import Clock

NOW = 1_000_000.0


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def plain_seal(plain: bytes, binding: bytes) -> str:
    """No secret at all, but the same contract: what it is bound to must come back."""
    return base64.b64encode(binding + plain).decode()


def plain_unseal(sealed: str, binding: bytes) -> bytes | None:
    try:
        data = base64.b64decode(sealed, validate=True)
    except ValueError:
        return None
    return data.removeprefix(binding) if data.startswith(binding) else None


@dataclass
class Scene:
    clock: Clock
    continuations: Continuations

    def asked(self, question: str, binding: bytes = b"b", before: Turn | None = None) -> dict[str, object]:
        result = self.continuations.ask(Result(raw(question), Era.MODERN), "files", binding, before)
        assert isinstance(result, Result)
        return msgspec.json.decode(result.raw)

    def resumed(self, state: object, binding: bytes = b"b") -> Turn | Fault:
        return self.continuations.resume(msgspec.Raw(msgspec.json.encode(state)), binding)


@pytest.fixture
def scene() -> Scene:
    clock = Clock(NOW)
    return Scene(clock, Continuations(plain_seal, plain_unseal, clock))


QUESTION = (
    '{"resultType":"input_required","inputRequests":{"n":{"method":"x",  "params":{}}},"requestState":"their\\u0073"}'
)


@pytest.mark.requirement("ask.echoed")
def test_the_server_gets_back_its_own_state_byte_for_byte(scene: Scene) -> None:
    shown = scene.asked(QUESTION)
    assert shown["requestState"] != "theirs"
    assert shown["inputRequests"] == {"n": {"method": "x", "params": {}}}
    turn = scene.resumed(shown["requestState"])
    assert turn == Turn("files", 1, NOW + LIFETIME, '"their\\u0073"')
    params = with_state({"name": raw('"a"'), "requestState": raw('"ours"')}, turn)
    assert params == {"name": raw('"a"'), "requestState": raw('"their\\u0073"')}


@pytest.mark.requirement("ask.echoed")
@pytest.mark.parametrize("question", ['{"inputRequests":{}}', '{"inputRequests":{},"requestState":null}'])
def test_a_server_that_gave_no_state_gets_none_back_though_the_client_carries_one(scene: Scene, question: str) -> None:
    turn = scene.resumed(scene.asked(question)["requestState"])
    assert isinstance(turn, Turn)
    assert with_state({"name": raw('"a"'), "requestState": raw('"ours"')}, turn) == {"name": raw('"a"')}


def test_a_state_of_the_servers_that_is_no_text_is_the_servers_fault(scene: Scene) -> None:
    found = scene.continuations.ask(Result(raw('{"requestState":7}'), Era.MODERN), "files", b"b", None)
    assert isinstance(found, Fault)
    assert (found.kind, found.server) == (Kind.PROTOCOL, "files")


@pytest.mark.requirement("ask.something")
def test_each_question_has_another_state_also_where_the_server_repeats_its_own(scene: Scene) -> None:
    first = scene.asked(QUESTION)["requestState"]
    turn = scene.resumed(first)
    assert isinstance(turn, Turn)
    second = scene.asked(QUESTION, before=turn)["requestState"]
    assert second != first
    again = scene.resumed(second)
    assert isinstance(again, Turn)
    assert again.number == 2


@pytest.mark.requirement("ask.unanswered")
def test_a_state_is_good_until_it_expires_and_not_after(scene: Scene) -> None:
    state = scene.asked(QUESTION)["requestState"]
    scene.clock.now = NOW + LIFETIME - 1
    assert isinstance(scene.resumed(state), Turn)
    scene.clock.now = NOW + LIFETIME
    assert scene.resumed(state) is REFUSED


@pytest.mark.requirement("ask.state")
@pytest.mark.parametrize("state", ["", "junk", "☃", 7, None, {}, [], True])
def test_what_is_no_state_of_ours_is_refused(scene: Scene, state: object) -> None:
    assert scene.resumed(state) is REFUSED


@pytest.mark.requirement("ask.state")
def test_a_state_for_another_request_is_refused(scene: Scene) -> None:
    assert scene.resumed(scene.asked(QUESTION, b"one")["requestState"], b"two") is REFUSED


CALL: Members = {"name": raw('"a"'), "arguments": raw('{"x":[1,{"y":"z"}],"w":1.50}')}


def bound(principal: str = "ann", method: str = "tools/call", **params: str) -> bytes:
    return binding_of(principal, method, {**CALL, **{name: raw(text) for name, text in params.items()}})


def test_what_a_retry_adds_is_not_what_it_asks() -> None:
    assert bound(requestState='"s"', inputResponses='{"n":{}}', _meta='{"a":1}') == bound()


def test_the_order_and_the_spacing_of_an_objects_members_say_nothing() -> None:
    assert bound(arguments=' { "w" : 1.50, "x":[ 1,{"y":"\\u007a"}]} ') == bound()
    assert binding_of("ann", "tools/call", dict(reversed(CALL.items()))) == bound()


def test_a_large_request_is_the_same_byte_for_byte_alone() -> None:
    large = '{"x":1,"y":"' + "z" * READABLE + '"}'
    assert bound(arguments=large) == bound(arguments=large)
    assert bound(arguments=large) != bound(arguments=large.replace("1", " 1"))


@pytest.mark.parametrize("text", [r'"\ud800"', "9" * 900, "[" * 100 + "]" * 100, r'"\u0000"', "-0.0", "1e300"])
def test_whatever_a_client_may_send_has_a_binding(text: str) -> None:
    assert bound(arguments=text) == bound(arguments=f" {text} ")


@pytest.mark.parametrize(
    "other",
    [
        {"principal": "eve"},
        {"method": "prompts/get"},
        {"name": '"b"'},
        {"arguments": "{}"},
        {"arguments": '{"x":[1,{"y":"z"}],"w":1.5}'},
        {"arguments": '{"x":[{"y":"z"},1],"w":1.50}'},
        {"arguments": '{"x":["1",{"y":"z"}],"w":1.50}'},
        {"arguments": '{"x":[1,{"y":"z"}],"w":1.50,"w":1.50}'},
        {"arguments": '{"x":[true,{"y":"z"}],"w":1.50}'},
        {"more": "null"},
    ],
)
def test_any_other_request_is_another_one(other: dict[str, str]) -> None:
    assert bound(**other) != bound()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SURE = st.text(st.characters(codec="utf-8"))


@given(SURE, SURE, JSON, JSON)
def test_two_requests_have_one_binding_only_if_they_say_the_same(
    one: str, two: str, left: object, right: object
) -> None:
    def encoded(value: object) -> bytes:
        return json.dumps(value).encode()

    same = one == two and json_equal(left, right)
    first = binding_of(one, "tools/call", {"arguments": msgspec.Raw(encoded(left))})
    second = binding_of(two, "tools/call", {"arguments": msgspec.Raw(encoded(right))})
    assert (first == second) is same


def json_equal(left: object, right: object) -> bool:
    """Equal in value and in type: Python takes 1, 1.0 and True for one, and 0.0 for -0.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(json_equal(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(json_equal, left, right))
    return type(left) is type(right) and repr(left) == repr(right)
