"""What is noted of a call that something goes on after: addresses its client was sent to, and tasks of its own."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from app.gateway.afterwards import Afterwards, outlasts
from app.gateway.inbox import Inbox
from app.gateway.sealing import Sealing
from app.gateway.sessions import Session
from app.gateway.tasks_made import TasksMade
from app.protocol.versions import Era
from app.relay.events import Finished, NeedsInput, Noticed, PeerError, Question, Request, Result, UpstreamEvent
from app.relay.listen import COMPLETED, TASK_STATUS
from app.relay.notices import PROGRESS
from app.relay.tasks import TaskIds
from app.upstream.awaited import Awaited
from tests.support.upstreams import raw

SEALING = Sealing(bytes(32))
IDS = TaskIds(SEALING.seal_name, SEALING.unseal)
SENT = Question({"k": raw({"method": "elicitation/create", "params": {"mode": "url", "elicitationId": "e"}})})
FIRST = {"code": -32042, "message": "first", "data": {"elicitations": [{"elicitationId": "e"}]}}
CALL = Request("tools/call", {}, {})


class Heard:
    """A stream that is open."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, Any]] = []

    def say(self, server: str, notice: Noticed) -> None:
        self.said.append((server, notice.method, msgspec.json.decode(notice.params)))


class Scene:
    def __init__(self, method: str = "tools/call", *, era: Era = Era.LEGACY, **params: object) -> None:
        self.session = Session("s", "ann", "2025-11-25", 0.0)
        self.session.capabilities = raw({"elicitation": {"url": {}}})
        self.hears: Any = Heard()
        self.session.hears = self.hears
        self.made = TasksMade()
        self.gateway: Any = SimpleNamespace(task_ids=IDS, tasks_made=self.made)
        message = SimpleNamespace(method=method, params=params)
        self.call: Any = SimpleNamespace(
            client_id="ann", token=b'"mine"', session=self.session, era=Era.LEGACY, message=message
        )
        self.inbox = Inbox()
        self.session.started(b"1", self.inbox)
        self.awaited = Awaited()
        self.events: list[UpstreamEvent] = []
        self.sink: Callable[[UpstreamEvent], None] = self.events.append
        connection = SimpleNamespace(unasked=SimpleNamespace(awaited=self.awaited))
        self.lease: Any = SimpleNamespace(era=era, connection=connection, send=self._send)

    def _send(self, _: Request, sink: Callable[[UpstreamEvent], None]) -> int:
        self.sink = sink
        return 7

    def begin(self) -> "Scene":
        afterwards = Afterwards(self.gateway, self.call, "files", self.inbox)
        assert afterwards.send(self.lease, CALL, self.events.append) == 7
        assert repr(afterwards) == "<Afterwards files>"
        return self


async def test_an_address_is_told_of_on_the_call_and_after_it_on_the_stream_of_the_session() -> None:
    for event in (NeedsInput(SENT), Finished(PeerError(raw(FIRST)))):
        scene = Scene().begin()
        scene.sink(event)
        assert scene.events == [event]
        scene.awaited.take(COMPLETED, raw({"elicitationId": "e"}))
        notice = await scene.inbox.get()
        assert isinstance(notice, Noticed)
        assert scene.hears.said == []
        scene.sink(event)
        scene.session.ended(b"1", scene.inbox)
        scene.awaited.take(COMPLETED, raw({"elicitationId": "e"}))
        assert scene.hears.said == [("files", COMPLETED, {"elicitationId": "e"})]


def test_a_task_is_noted_and_told_of_by_our_name() -> None:
    made, asked = Finished(Result(raw({"task": {"taskId": "t"}}), Era.LEGACY)), Result(raw({"taskId": "t"}), Era.LEGACY)
    for scene, event in ((Scene(task=raw({})), made), (Scene("tasks/get"), Finished(asked))):
        scene.begin().sink(event)
        assert [each[1:] for each in scene.made.after("ann", 0)] == [("files", "t")]
        scene.awaited.take(TASK_STATUS, raw({"taskId": "t", "status": "working"}))
        ours = IDS.ours("files", "t", "ann")
        assert scene.hears.said == [("files", TASK_STATUS, {"taskId": ours, "status": "working"})]


def test_the_progress_of_a_task_has_the_token_of_the_call_that_made_it() -> None:
    scene = Scene(task=raw({})).begin()
    scene.sink(Finished(Result(raw({"task": {"taskId": "t"}}), Era.LEGACY)))
    scene.awaited.progressed(7, raw({"progressToken": 7, "progress": 2}))
    assert scene.hears.said == [("files", PROGRESS, {"progressToken": "mine", "progress": 2})]


def test_a_client_without_a_session_has_its_task_in_the_list_and_is_told_nothing() -> None:
    scene = Scene(task=raw({}))
    scene.session.id = ""
    scene.begin().sink(Finished(Result(raw({"task": {"taskId": "t"}}), Era.LEGACY)))
    scene.sink(Finished(PeerError(raw(FIRST))))
    assert len(scene.made.after("ann", 0)) == 1
    assert not scene.awaited.waits


def test_of_a_modern_server_nothing_is_noted() -> None:
    scene = Scene(era=Era.MODERN).begin()
    assert scene.sink == scene.events.append


@pytest.mark.parametrize("change", ["era", "session", "version", "url", "method"])
def test_most_calls_are_over_when_they_are_answered(change: str) -> None:
    scene = Scene()
    assert outlasts(scene.call)
    match change:
        case "era":
            scene.call.era = Era.MODERN
        case "session":
            scene.call.session = None
        case "version":
            scene.session.version = "2025-06-18"
        case "url":
            scene.session.capabilities = raw({"elicitation": {}})
        case _:
            scene.call.message.method = "completion/complete"
    assert not outlasts(scene.call)
