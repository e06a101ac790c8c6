"""Whose call a server's question is of."""

import msgspec
import pytest

from app.relay.events import Given, NeedsInput, Question, Sink, UpstreamEvent, Withdrawn
from app.relay.questions import UNKNOWN
from app.upstream import inquiries as module
from app.upstream.inquiries import Inquiries

PARAMS = msgspec.Raw(b'{"message":"?"}')
ASKED = msgspec.Raw(b'{"method":"elicitation/create","params":{"message":"?"}}')
YES = msgspec.Raw(b'{"action":"accept"}')
DECLINED = msgspec.Raw(b'{"action":"decline"}')


class Scene:
    def __init__(self) -> None:
        self.told: list[tuple[float | str, Given]] = []
        self.events: list[tuple[int, UpstreamEvent]] = []
        self.inquiries = Inquiries("files", lambda ident, given: self.told.append((ident, given)))
        self.pending: dict[int, Sink] = {}

    def call(self, number: int) -> None:
        self.pending[number] = lambda event: self.events.append((number, event))

    def asked(self, ident: float | str, origin: int | None = None, method: str = "elicitation/create") -> None:
        self.inquiries.asked(method, ident, PARAMS, self.pending, origin)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_stream_that_a_question_came_on_says_whose_it_is(scene: Scene) -> None:
    scene.call(1)
    scene.call(2)
    scene.asked("q", origin=2)
    assert scene.events == [(2, NeedsInput(Question({"elicitation-1": ASKED})))]
    scene.inquiries.answer("elicitation-1", YES)
    scene.inquiries.answer("elicitation-1", YES)
    assert scene.told == [("q", YES)], "under the server's id, and once"


def test_on_a_shared_session_a_question_of_no_stream_is_of_the_only_call_or_declined(scene: Scene) -> None:
    scene.call(1)
    scene.asked("only")
    scene.asked("roots", method="roots/list")
    assert scene.events == [(1, NeedsInput(Question({"elicitation-1": ASKED})))]
    assert scene.told == [("roots", UNKNOWN)]
    scene.events.clear()
    scene.told.clear()
    scene.call(2)
    scene.asked(7)
    scene.asked(8, method="sampling/createMessage")
    scene.asked(9, origin=99)
    assert scene.events == []
    assert scene.told == [(7, DECLINED), (8, UNKNOWN), (9, DECLINED)]


def test_a_question_on_the_stream_of_a_call_that_is_over_is_no_other_calls(scene: Scene) -> None:
    scene.call(2)
    scene.asked("shared", origin=1)
    scene.inquiries.attribute = lambda: [2]
    scene.asked("lent on", origin=1)
    scene.inquiries.attribute = lambda: None
    scene.asked("idle", origin=1)
    assert scene.events == []
    assert scene.told == [("shared", DECLINED), ("lent on", DECLINED), ("idle", DECLINED)]


def test_what_waits_for_a_call_is_declined_when_the_session_changes_hands(scene: Scene) -> None:
    scene.inquiries.attribute = lambda: None
    scene.asked("q")
    scene.inquiries.forsake()
    scene.call(1)
    scene.inquiries.called(scene.pending[1])
    assert (scene.events, scene.told) == ([], [("q", DECLINED)])


def test_on_a_session_in_one_clients_hands_its_owner_says_whose_it_is(scene: Scene) -> None:
    scene.call(2)
    scene.inquiries.attribute = lambda: [1, 2]
    scene.asked("q")
    assert [number for number, _ in scene.events] == [2], "the first is over"
    scene.inquiries.attribute = list
    scene.asked("r")
    assert scene.told == [("r", DECLINED)]


def test_a_question_before_the_first_call_waits_for_it(scene: Scene) -> None:
    scene.inquiries.attribute = lambda: None
    scene.asked("q", method="roots/list")
    assert (scene.events, scene.told) == ([], [])
    scene.call(1)
    scene.inquiries.called(scene.pending[1])
    scene.inquiries.called(scene.pending[1])
    assert len(scene.events) == 1


def test_a_server_takes_back_its_own_question_alone(scene: Scene) -> None:
    scene.call(1)
    scene.asked("q", origin=1)
    scene.inquiries.withdrawn(msgspec.Raw(b'{"requestId":"other"}'))
    scene.inquiries.withdrawn(msgspec.Raw(b'{"requestId":"q"}'))
    scene.inquiries.withdrawn(msgspec.Raw(b"7"))
    assert scene.events[1:] == [(1, Withdrawn("elicitation-1"))]
    scene.inquiries.answer("elicitation-1", YES)
    assert scene.told == []


def test_a_server_that_asks_without_end_is_declined(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 1)
    scene.call(1)
    scene.asked("q", origin=1)
    scene.asked("r", origin=1)
    assert scene.told == [("r", DECLINED)]


def test_there_is_nobody_to_ask_about_our_own_requests(scene: Scene) -> None:
    scene.call(1)
    scene.asked("q", origin=1)
    scene.inquiries.decline(Question({"elicitation-1": ASKED}))
    assert scene.told == [("q", DECLINED)]
