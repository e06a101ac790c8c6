"""One tool call that its server runs as a task alone, for a client that knows no tasks: made, watched, and its outcome
delivered as the answer to the call.

Theory of operation: the request that makes the task keeps its id after its answer (`Connection.hold`), so that
progress and questions find the call, and cancelling it cancels the task. The task is asked for as often as its server
wants, each time a sign of life; `tasks/result` is asked for once it has ended, or wants input (2025-11-25, "Tasks").
"""

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from app.protocol.jsonrpc import members_of, text_of
from app.relay import tasks
from app.relay.catalog import Members
from app.relay.events import (
    Failed,
    Finished,
    Heard,
    NeedsInput,
    Noticed,
    PeerError,
    Request,
    Result,
    Sink,
    UpstreamEvent,
    Withdrawn,
)
from app.relay.listen import TASK_STATUS
from app.upstream.connection import Connection

# Seconds between questions: where the server does not say, and the bounds where it does.
INTERVAL, SHORTEST, LONGEST = 1.0, 0.05, 60.0
# How long a task that was cancelled before its server named it is waited for, to be cancelled there.
NAMELESS = 60.0
# Questions in a row that may fail on the way.
ATTEMPTS = 3

Send = Callable[[Request, Sink], int]


class TaskRun:
    """`sink` gets what the call would get, and one last event, unless it is cancelled (`Connection.cancel`) before."""

    def __init__(self, connection: Connection, sink: Sink) -> None:
        self._connection = connection
        self._sink = sink
        self._id = 0
        self._task = ""
        self._state: Members = {}
        self._cancelled = self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._polling = self._fetching = 0
        self._failures = 0

    def __repr__(self) -> str:
        return f"<TaskRun {self._connection.server} {self._task or 'new'}>"

    def begin(self, request: Request, send: Send) -> int:
        """Make the task by `request`, with `send`; our id for the call."""
        wanted = msgspec.Raw(msgspec.json.encode({"ttl": request.task_ttl}))
        self._id = send(replace(request, params={**request.params, "task": wanted}, task_ttl=0), self._made)
        if not self._over:
            self._connection.hold(self._id, self._made, self._cancel)
        return self._id

    def _made(self, event: UpstreamEvent) -> None:
        members = members_of(event.outcome.raw) if isinstance(event, Finished) else None
        state = members_of((members or {}).get("task", b"")) or {}
        self._task = tasks.id_in(state) or ""
        if self._task and self._cancelled:
            self._give_up()
        elif self._task:
            self._connection.hold(self._id, self._of_call, self._cancel)
            self._connection.unasked.awaited.expect(TASK_STATUS, self._task, self._name, self._told)
            self._look(state)
        elif isinstance(event, Finished | Failed):
            # It is no task: an answer at once, or a refusal.
            self._over = True
            self._connection.settle(self._id)
            if not self._cancelled:
                self._sink(event)
        elif not self._cancelled:
            self._pass(event)

    def _of_call(self, event: UpstreamEvent) -> None:
        """What comes for the call itself while the task runs; of the end of the session too."""
        if not isinstance(event, Failed):
            self._pass(event)
        elif not self._over:
            self._end()
            self._sink(Failed(replace(event.fault, unsent=False)))

    @property
    def _name(self) -> str:
        return f"run {self._id}"

    def _look(self, state: Members) -> None:
        """Decide by how the task stands now what is asked next."""
        self._state = state
        status = text_of(state.get("status"))
        if status != "working" and not self._fetching:
            self._fetching = self._ask("tasks/result", self._fetched)
        if self._timer is not None:
            self._timer.cancel()
        if not self._over and (status not in tasks.TERMINAL or not self._fetching):
            self._timer = asyncio.get_running_loop().call_later(_interval(state), self._poll)

    def _told(self, params: msgspec.Raw) -> None:
        if not self._over:
            self._sink(Heard())
            self._look(members_of(params) or {})

    def _poll(self) -> None:
        if not self._over and not self._polling:
            self._polling = self._ask("tasks/get", self._polled)

    def _ask(self, method: str, answered: Callable[[Finished | Failed], None]) -> int:
        """Ask about the task; our id of that. `answered` gets the outcome, unless all is over by then."""

        def take(event: UpstreamEvent) -> None:
            if not isinstance(event, Finished | Failed):
                self._pass(event)
            elif not self._over:
                answered(event)

        return self._connection.send(Request(method, {"taskId": _raw(self._task)}, {}), take)

    def _polled(self, event: Finished | Failed) -> None:
        self._polling = 0
        if isinstance(event, Finished) and isinstance(event.outcome, Result):
            state = members_of(event.outcome.raw) or {}
            if text_of(state.get("status")) not in tasks.TERMINAL:
                self._failures = 0
            self._sink(Heard())
            self._look(state)
        else:
            self._missed(event)

    def _fetched(self, event: Finished | Failed) -> None:
        self._fetching = 0
        if isinstance(event, Failed):
            self._missed(event)
            return
        self._end()
        outcome = event.outcome
        self._sink(Finished(outcome if isinstance(outcome, PeerError) else _plain(outcome)))

    def _missed(self, event: Finished | Failed) -> None:
        """There was no answer, or none that says anything: another try where the way to the server may be to blame."""
        self._failures += 1
        if isinstance(event, Failed) and self._failures < ATTEMPTS and not self._connection.fault:
            self._look({**self._state, "status": _raw("working")})
            return
        self._end()
        # The tool runs, whatever became of this question about it.
        self._sink(Failed(replace(event.fault, unsent=False)) if isinstance(event, Failed) else event)

    def _pass(self, event: UpstreamEvent) -> None:
        if isinstance(event, Noticed | NeedsInput | Withdrawn):
            self._sink(event)

    def _cancel(self) -> None:
        """The outcome is wanted no more. A task that has no name yet is cancelled when it has one."""
        self._cancelled = True
        if self._task:
            self._end()
            self._give_up()
        else:
            self._connection.hold(self._id, self._made, lambda: None)
            asyncio.get_running_loop().call_later(NAMELESS, self._connection.settle, self._id)

    def _give_up(self) -> None:
        self._over = True
        self._connection.settle(self._id)
        cancel = Request("tasks/cancel", {"taskId": _raw(self._task)}, {})
        self._connection.settle(self._connection.send(cancel, lambda _: None))  # what it says to that is no matter

    def _end(self) -> None:
        self._over = True
        self._connection.settle(self._id)
        self._connection.unasked.awaited.forget(TASK_STATUS, self._task, self._name)
        if self._timer is not None:
            self._timer.cancel()
        for request_id in (self._polling, self._fetching):
            self._connection.cancel(request_id, "The answer is not needed any more.")


def _interval(state: Members) -> float:
    """Seconds until the task is asked for again."""
    try:
        wanted = msgspec.json.decode(state.get("pollInterval", b"null"), type=float | None)
    except msgspec.DecodeError:
        wanted = None
    return INTERVAL if wanted is None else min(max(wanted / 1000, SHORTEST), LONGEST)


def _plain(result: Result) -> Result:
    """The outcome without the name of a task, which nobody was told of."""
    members = members_of(result.raw) or {}
    meta = members_of(members.get("_meta", b""))
    if meta is None or tasks.RELATED not in meta:
        return result
    kept = {name: value for name, value in meta.items() if name != tasks.RELATED}
    others = {name: value for name, value in members.items() if name != "_meta"}
    return Result(_raw({**others, "_meta": kept} if kept else others), result.era)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
