"""A call that is run as a task, message by message."""

import asyncio
from typing import Any

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Failed, Finished, Heard, Noticed, PeerError, Request, Result, UpstreamEvent
from app.upstream import task_run
from app.upstream.connection import Connection
from app.upstream.task_run import LONGEST, SHORTEST, TaskRun, _interval  # pyright: ignore[reportPrivateUsage]
from tests.support.recorded import RecordedWire
from tests.support.upstreams import raw

CALL = Request("tools/call", {"name": raw("slow")}, {}, b'"mine"', task_ttl=5000)
GONE = Fault(Kind.CLOSED, "gone", server="files", unsent=True)


class Scene:
    def __init__(self) -> None:
        self.wire = RecordedWire()
        self.connection = self.wire.receiver = Connection(self.wire, "files")
        self.connection.adopt(Era.LEGACY, "2025-11-25")
        self.events: list[UpstreamEvent] = []
        self.id = TaskRun(self.connection, self.events.append).begin(CALL, self.connection.send)

    def says(self, **message: object) -> None:
        self.connection.received(msgspec.json.encode({"jsonrpc": "2.0", **message}))

    def answers(self, method: str, **answer: object) -> None:
        """Answer the newest request of that method."""
        ident = next(m["id"] for m in reversed(self.wire.messages) if m["method"] == method)
        self.says(id=ident, **answer)

    def made(self, status: str = "working", **more: object) -> None:
        task = {"taskId": "t", "status": status, "pollInterval": 50, **more}
        self.answers("tools/call", result={"task": task})

    @property
    def asked(self) -> list[str]:
        return [m["method"] for m in self.wire.messages]

    async def asks(self, method: str, times: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.asked.count(method) < times:  # noqa: ASYNC110 (a wire of the test's tells nobody)
                await asyncio.sleep(0.005)

    def outcome(self) -> Any:
        [last] = [event for event in self.events if isinstance(event, Finished | Failed)]
        return last.fault if isinstance(last, Failed) else last.outcome


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_the_request_asks_for_a_task_that_is_kept_and_its_id_is_the_calls(scene: Scene) -> None:
    [made] = scene.wire.messages
    assert made["params"]["task"] == {"ttl": 5000}
    assert made["params"]["_meta"]["progressToken"] == scene.id
    scene.made()
    scene.says(method="notifications/progress", params={"progressToken": scene.id, "progress": 1})
    assert [type(event) for event in scene.events] == [Noticed]


async def test_it_is_asked_for_until_it_has_ended_each_time_a_sign_of_life_and_then_for_its_outcome(
    scene: Scene,
) -> None:
    scene.made()
    for turn in (1, 2):
        await scene.asks("tasks/get", turn)
        assert "tasks/result" not in scene.asked
        scene.answers(
            "tasks/get", result={"taskId": "t", "status": ["", "working", "completed"][turn], "pollInterval": 1}
        )
    assert scene.events == [Heard(), Heard()]
    related = {"io.modelcontextprotocol/related-task": {"taskId": "t"}}
    scene.answers("tasks/result", result={"content": [], "_meta": {**related, "own": 1}})
    assert scene.outcome() == Result(msgspec.Raw(b'{"content":[],"_meta":{"own":1}}'), Era.LEGACY)
    assert scene.connection.pending == 0


async def test_an_answer_at_once_and_a_refusal_are_the_calls(scene: Scene) -> None:
    scene.answers("tools/call", result={"content": []})
    assert scene.outcome() == Result(msgspec.Raw(b'{"content":[]}'), Era.LEGACY)
    other = Scene()
    other.answers("tools/call", error={"code": -1, "message": "no"})
    assert other.outcome() == PeerError(msgspec.Raw(b'{"code":-1,"message":"no"}'))
    assert scene.connection.pending == other.connection.pending == 0
    assert scene.asked == ["tools/call"]


async def test_what_the_server_tells_of_the_task_is_as_good_as_an_answer(scene: Scene) -> None:
    scene.made(pollInterval=60_000)
    scene.says(method="notifications/tasks/status", params={"taskId": "other", "status": "completed"})
    assert "tasks/result" not in scene.asked
    scene.says(method="notifications/tasks/status", params={"taskId": "t", "status": "completed"})
    scene.answers("tasks/result", error={"code": -7, "message": "broke"})
    assert scene.outcome() == PeerError(msgspec.Raw(b'{"code":-7,"message":"broke"}'))
    assert "tasks/get" not in scene.asked


async def test_a_task_that_wants_input_is_asked_for_its_outcome_and_watched_meanwhile(scene: Scene) -> None:
    scene.made("input_required")
    assert scene.asked[-1] == "tasks/result"
    await scene.asks("tasks/get")
    scene.answers("tasks/get", result={"taskId": "t", "status": "working", "pollInterval": 50})
    scene.answers("tasks/result", result={"content": []})
    assert scene.outcome() == Result(msgspec.Raw(b'{"content":[]}'), Era.LEGACY)


async def test_a_cancel_is_the_tasks_and_one_that_comes_before_it_has_a_name_waits_for_it(scene: Scene) -> None:
    scene.made()
    await scene.asks("tasks/get")
    scene.connection.cancel(scene.id, "no longer wanted")
    last = scene.wire.messages[-1]
    assert (last["method"], last["params"]) == ("tasks/cancel", {"taskId": "t"})
    early = Scene()
    early.connection.cancel(early.id, "no longer wanted")
    assert early.asked == ["tools/call"]
    early.made()
    assert early.asked == ["tools/call", "tasks/cancel"]
    for each in (scene, early):
        assert each.connection.pending == 0, "a server that never answers that seems not to work for it"
        each.answers("tasks/cancel", result={"taskId": "t", "status": "cancelled"})
        assert [event for event in each.events if not isinstance(event, Heard)] == []
        assert each.connection.pending == 0


async def test_a_server_that_never_says_what_task_it_made_seems_not_to_work_on_it_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_run, "NAMELESS", 0.01)
    scene.connection.cancel(scene.id, "no longer wanted")
    async with asyncio.timeout(5):
        while scene.connection.pending:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.005)
    scene.made()
    assert (scene.asked, scene.events) == (["tools/call"], [])


async def test_a_task_that_its_server_knows_no_more_ends_the_call(scene: Scene) -> None:
    scene.made()
    await scene.asks("tasks/get")
    scene.answers("tasks/get", error={"code": -32602, "message": "Unknown task"})
    assert scene.outcome() == PeerError(msgspec.Raw(b'{"code":-32602,"message":"Unknown task"}'))


async def test_a_question_that_is_lost_is_asked_again_and_the_end_of_the_session_is_the_end(scene: Scene) -> None:
    scene.made()
    await scene.asks("tasks/get")
    scene.connection.failed(scene.wire.messages[-1]["id"], GONE)
    await scene.asks("tasks/get", 2)
    assert scene.events == []
    scene.connection.closed(GONE)
    assert scene.outcome() == msgspec.structs.replace(GONE, unsent=False), "the tool may run: it is not called again"
    assert scene.connection.pending == 0


async def test_an_outcome_that_cannot_be_had_is_given_up(scene: Scene) -> None:
    scene.made("completed")
    for turn in (1, 2, 3):
        await scene.asks("tasks/result", turn)
        scene.connection.failed(scene.wire.messages[-1]["id"], GONE)
        if turn < 3:
            await scene.asks("tasks/get", turn)
            scene.answers("tasks/get", result={"taskId": "t", "status": "completed", "pollInterval": 1})
    assert scene.outcome() == msgspec.structs.replace(GONE, unsent=False)
    assert scene.asked.count("tasks/result") == 3


@pytest.mark.parametrize(("wanted", "seconds"), [(None, 1.0), (200, 0.2), (1, SHORTEST), (10**9, LONGEST), ("x", 1.0)])
def test_the_server_says_how_often_within_reason(wanted: object, seconds: float) -> None:
    assert _interval({} if wanted is None else {"pollInterval": raw(wanted)}) == seconds
