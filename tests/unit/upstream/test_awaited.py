"""Who hears of what goes on after its call was answered."""

import msgspec
import pytest

from app.relay.listen import COMPLETED, TASK_STATUS
from app.relay.notices import PROGRESS
from app.upstream import awaited as module
from app.upstream.awaited import MAX_IDS, Awaited
from tests.support.upstreams import raw

Heard = list[tuple[str, object]]


class Scene:
    def __init__(self) -> None:
        self.heard: Heard = []
        self.awaited = Awaited()

    def expect(self, method: str, ident: str, owner: str) -> None:
        self.awaited.expect(method, ident, owner, lambda p: self.heard.append((owner, msgspec.json.decode(p))))

    def says(self, method: str, **params: object) -> Heard:
        self.heard.clear()
        self.awaited.take(method, raw(params))
        return self.heard


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_end_is_told_to_who_awaits_that_id_once(scene: Scene) -> None:
    scene.expect(COMPLETED, "a", "ann")
    scene.expect(COMPLETED, "b", "bob")
    scene.expect(TASK_STATUS, "a", "eve")
    assert scene.says(COMPLETED, elicitationId="unknown") == scene.says(COMPLETED) == []
    assert scene.says(COMPLETED, elicitationId="a", more=1) == [("ann", {"elicitationId": "a", "more": 1})]
    assert scene.says(COMPLETED, elicitationId="a") == []
    assert scene.says(COMPLETED, elicitationId=7) == []


def test_two_who_were_given_one_id_in_one_session_both_hear_and_who_was_given_it_twice_hears_once(scene: Scene) -> None:
    for owner in ("ann", "bob", "ann"):
        scene.expect(COMPLETED, "same", owner)
    assert [owner for owner, _ in scene.says(COMPLETED, elicitationId="same")] == ["ann", "bob"]


def test_a_task_is_told_of_until_it_has_ended(scene: Scene) -> None:
    scene.expect(TASK_STATUS, "t", "ann")
    for status in ("working", "input_required", "completed"):
        assert scene.says(TASK_STATUS, taskId="t", status=status) == [("ann", {"taskId": "t", "status": status})]
    assert scene.says(TASK_STATUS, taskId="t", status="working") == []
    assert not scene.awaited.waits


def test_progress_of_an_answered_request_is_told_to_who_awaits_it(scene: Scene) -> None:
    scene.expect(PROGRESS, "7", "ann")
    for request_id, expected in ((7, [("ann", {"progress": 1})]), (8, [])):
        scene.heard.clear()
        scene.awaited.progressed(request_id, raw({"progress": 1}))
        assert scene.heard == expected


def test_who_wants_to_hear_no_more_does_not(scene: Scene) -> None:
    scene.expect(TASK_STATUS, "t", "ann")
    scene.expect(TASK_STATUS, "t", "bob")
    scene.awaited.forget(TASK_STATUS, "t", "ann")
    scene.awaited.forget(TASK_STATUS, "unknown", "ann")
    assert [owner for owner, _ in scene.says(TASK_STATUS, taskId="t", status="working")] == ["bob"]
    scene.awaited.forget(TASK_STATUS, "t", "bob")
    assert not scene.awaited.waits


def test_what_nobody_hears_the_end_of_is_forgotten_the_oldest_first(scene: Scene) -> None:
    for number in range(MAX_IDS + 1):
        scene.expect(COMPLETED, str(number), "ann")
    assert scene.says(COMPLETED, elicitationId="0") == []
    assert scene.says(COMPLETED, elicitationId="1") != []
    assert repr(scene.awaited) == f"<Awaited {MAX_IDS - 1} ids>"


def test_a_session_is_worth_keeping_for_it_for_a_while(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not scene.awaited.waits
    scene.expect(COMPLETED, "a", "ann")
    assert scene.awaited.waits
    monkeypatch.setattr(module, "WORTH_WAITING", 0.0)
    scene.expect(COMPLETED, "b", "ann")
    assert not scene.awaited.waits
