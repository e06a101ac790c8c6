"""Notes what goes on after a call was answered, for the client whose call it was: tasks, and addresses it is sent to.

Legacy servers tell of both by notifications that name no call (2025-11-25, "Tasks", "Completion Notifications for URL
Mode Elicitation"). Theory of operation: what passes on its way to the inbox of such a call is noted before anything
later of the server's session is read; most calls are sent without this.
"""

import msgspec

from app.gateway.gateway import Gateway
from app.gateway.inbox import Inbox
from app.gateway.relayed import Relayed
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.versions import LATEST_LEGACY, Era
from app.relay import questions, tasks
from app.relay.catalog import Members
from app.relay.continuation import ASKABLE
from app.relay.events import Finished, NeedsInput, Noticed, PeerError, Request, Result, Sink, UpstreamEvent
from app.relay.listen import COMPLETED, TASK_STATUS
from app.relay.notices import PROGRESS
from app.upstream.awaited import Awaited
from app.upstream.leases import Lease
from app.upstream.task_run import TaskRun


def outlasts(call: Relayed) -> bool:
    """Whether something of this call can go on after its answer."""
    if call.era is Era.MODERN or call.session is None:
        return False
    if call.message.method in tasks.METHODS or "task" in call.message.params:
        return True
    url = call.session.version == LATEST_LEGACY and b'"url"' in bytes(call.session.capabilities)
    return url and call.message.method in ASKABLE


class Afterwards:
    """What goes on after one call of `server`; `inbox` is where it arrives as long as the call runs."""

    def __init__(self, gateway: Gateway, call: Relayed, server: str, inbox: Inbox) -> None:
        self._gateway = gateway
        self._call = call
        self._server = server
        self._inbox = inbox

    def __repr__(self) -> str:
        return f"<Afterwards {self._server}>"

    def send(self, lease: Lease, request: Request, sink: Sink) -> int:
        """Send the request, or run it as a task where that is wanted; `sink` gets everything."""
        if request.task_ttl and lease.era is Era.LEGACY:
            return TaskRun(lease.connection, sink).begin(request, lease.send)
        if lease.era is Era.MODERN or not outlasts(self._call):
            return lease.send(request, sink)
        awaited, request_id = lease.connection.unasked.awaited, 0

        def noting(event: UpstreamEvent) -> None:
            self._note(event, awaited, request_id)
            sink(event)

        request_id = lease.send(request, noting)
        return request_id

    def _note(self, event: UpstreamEvent, awaited: Awaited, request_id: int) -> None:
        match event:
            case NeedsInput(question) if question.result is None:
                for raw in question.requests.values():
                    self._was_sent(questions.read(raw).params, awaited)
            case Finished(PeerError() as error):
                for elicitation in questions.elicitations_in(error):
                    self._was_sent(elicitation, awaited)
            case Finished(Result(raw)) if b'"taskId"' in bytes(raw):
                ident = tasks.made_or_asked(members_of(raw) or {})
                if ident is not None:
                    self._has_task(ident, awaited)
                    self._progresses(request_id, awaited)
            case _:
                pass

    def _was_sent(self, elicitation: Members, awaited: Awaited) -> None:
        """The client was sent to an address."""
        ident, session = text_of(elicitation.get("elicitationId")), self._call.session
        if ident is None or session is None or not session.id:
            return

        def hears(params: msgspec.Raw) -> None:
            # On the stream of the call that asked, as long as there is one.
            notice = Noticed(COMPLETED, params)
            if session.runs(self._inbox):
                self._inbox.put(notice)
            else:
                session.say(self._server, notice)

        awaited.expect(COMPLETED, ident, session.id, hears)

    def _progresses(self, request_id: int, awaited: Awaited) -> None:
        """A task that its client wants to hear the progress of keeps the token of the call that made it."""
        session, token = self._call.session, self._call.token
        if session is None or not session.id or not token or "task" not in self._call.message.params:
            return

        def hears(params: msgspec.Raw) -> None:
            told = {**(members_of(params) or {}), "progressToken": msgspec.Raw(token)}
            session.say(self._server, Noticed(PROGRESS, msgspec.Raw(msgspec.json.encode(told))))

        awaited.expect(PROGRESS, str(request_id), session.id, hears)

    def _has_task(self, theirs: str, awaited: Awaited) -> None:
        """The client has made a task, or asked for one of its own."""
        client, session = self._call.client_id, self._call.session
        self._gateway.tasks_made.note(client, self._server, theirs)
        if session is None or not session.id:
            return
        ours = self._gateway.task_ids.ours(self._server, theirs, client)

        def hears(params: msgspec.Raw) -> None:
            told = tasks.with_id(members_of(params) or {}, lambda _: ours)
            session.say(self._server, Noticed(TASK_STATUS, msgspec.Raw(msgspec.json.encode(told))))

        awaited.expect(TASK_STATUS, theirs, session.id, hears)
