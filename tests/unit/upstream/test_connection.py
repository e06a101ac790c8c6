import json
from typing import Any

import anyio
import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Failed, Finished, NeedsInput, Noticed, PeerError, Question, Request, Result, UpstreamEvent
from app.relay.logs import LOG_LEVEL
from app.upstream.connection import Connection
from app.upstream.errors import UpstreamError
from tests.support.recorded import RecordedWire

ECHO = Request("tools/call", {"name": msgspec.Raw(b'"echo"')}, {"own": msgspec.Raw(b"1.0")})
GONE = Fault(Kind.CLOSED, "gone", server="files")


@pytest.fixture
def wire() -> RecordedWire:
    return RecordedWire()


@pytest.fixture
def connection(wire: RecordedWire) -> Connection:
    connection = wire.receiver = Connection(wire, "files")
    connection.adopt(Era.LEGACY, "2025-11-25")
    return connection


@pytest.mark.requirement("messages.own_ids")
def test_ids_rise_and_answers_find_their_requests_in_any_order(wire: RecordedWire, connection: Connection) -> None:
    first: list[UpstreamEvent] = []
    second: list[UpstreamEvent] = []
    one, two = connection.send(ECHO, first.append), connection.send(ECHO, second.append)
    assert [m["id"] for m in wire.messages] == [one, two] == [1, 2]
    connection.received(b'{"jsonrpc":"2.0","id":2,"result":{"b": 2.0}}')
    connection.received(b'{"jsonrpc":"2.0","id":"1","error":{"code":-1,"message":"no","data": 1.0}}')
    assert second == [Finished(Result(msgspec.Raw(b'{"b": 2.0}'), Era.LEGACY))]
    assert first == [Finished(PeerError(msgspec.Raw(b'{"code":-1,"message":"no","data": 1.0}')))]
    assert connection.pending == 0


def test_params_and_meta_go_out_as_they_are(wire: RecordedWire, connection: Connection) -> None:
    connection.send(ECHO, lambda _: None)
    assert wire.sent[0].body == (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"own":1.0}}}'
    )
    assert wire.sent[0].headers == {}


def test_a_remote_legacy_session_names_its_revision_and_a_modern_one_routes(wire: RecordedWire) -> None:
    remote = Connection(wire, "files", remote=True)
    remote.adopt(Era.LEGACY, "2025-06-18")
    remote.send(ECHO, lambda _: None)
    remote.adopt(Era.MODERN, "2026-07-28")
    remote.send(ECHO, lambda _: None)
    legacy, modern = ({name.lower(): value for name, value in sent.headers.items()} for sent in wire.sent)
    assert legacy == {"mcp-protocol-version": "2025-06-18"}
    assert modern["mcp-protocol-version"] == "2026-07-28"
    assert modern["mcp-method"] == "tools/call"
    assert modern["mcp-name"] == "echo"


def test_progress_goes_to_the_request_its_token_names(connection: Connection) -> None:
    events: list[UpstreamEvent] = []
    request_id = connection.send(ECHO, events.append)
    params = b'{"progressToken":%d,"progress":1}' % request_id
    connection.received(b'{"jsonrpc":"2.0","method":"notifications/progress","params":%b}' % params)
    connection.received(b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99}}')
    connection.received(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"whose?"}}')
    assert events == [Noticed("notifications/progress", msgspec.Raw(params))]


@pytest.mark.parametrize(
    "answer", [b'{"id":1}', b'{"id":1,"result":[1]}', b'{"id":1,"error":"text"}', b'{"id":1,"method":2}']
)
def test_a_malformed_answer_fails_its_request(connection: Connection, answer: bytes) -> None:
    events: list[UpstreamEvent] = []
    connection.send(ECHO, events.append)
    connection.received(answer)
    [event] = events
    assert isinstance(event, Failed)
    assert event.fault.kind is Kind.PROTOCOL


def test_late_answers_and_strangers_are_dropped(connection: Connection) -> None:
    events: list[UpstreamEvent] = []
    connection.cancel(connection.send(ECHO, events.append), "enough")
    for message in (b'{"id":1,"result":{}}', b'{"id":77,"result":{}}', b'{"error":{"code":1}}', b"noise", b"[1]"):
        connection.received(message)
    assert events == []


def test_a_batch_is_read_as_its_messages(connection: Connection) -> None:
    events: list[UpstreamEvent] = []
    connection.send(ECHO, events.append)
    connection.send(ECHO, events.append)
    connection.received(b'[{"id":2,"result":{}},{"id":1,"result":{}}]')
    assert len(events) == 2


@pytest.mark.requirement("stdio.cancelled")
def test_cancel_tells_the_server_where_the_wire_does_not(wire: RecordedWire, connection: Connection) -> None:
    connection.cancel(connection.send(ECHO, lambda _: None), "enough")
    assert wire.messages[-1]["method"] == "notifications/cancelled"
    assert wire.messages[-1]["params"] == {"requestId": 1, "reason": "enough"}
    wire.cancels_by_closing = True
    connection.cancel(connection.send(ECHO, lambda _: None), "enough")
    assert wire.messages[-1]["method"] == "tools/call"
    assert wire.abandoned == [1, 2]


def test_what_was_cancelled_and_not_answered_is_known_and_bounded(connection: Connection) -> None:
    first = connection.send(ECHO, lambda _: None)
    connection.cancel(first, "no")
    assert connection.cancelled == {first}
    connection.received(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % first)
    assert not connection.cancelled
    for _ in range(3000):
        connection.cancel(connection.send(ECHO, lambda _: None), "no")
    assert len(connection.cancelled) <= 1001


def test_only_ping_is_answered_and_ids_go_back_as_they_came(wire: RecordedWire, connection: Connection) -> None:
    for ident, method in (("7", "ping"), ('"a"', "roots/list"), ("1.5", "sampling/createMessage")):
        connection.received(f'{{"jsonrpc":"2.0","id":{ident},"method":"{method}"}}'.encode())
    assert [m["id"] for m in wire.messages] == [7, "a", 1.5]
    assert wire.messages[0]["result"] == {}
    assert [m["error"]["code"] for m in wire.messages[1:]] == [-32601, -32601]


@pytest.mark.requirement("stdio.no_responses")
def test_a_modern_server_is_answered_nothing_whatever_it_asks(wire: RecordedWire) -> None:
    connection = wire.receiver = Connection(wire, "files", Era.MODERN)
    connection.adopt(Era.MODERN, "2026-07-28")
    for method in ("ping", "roots/list", "vendor/ask"):
        connection.received(f'{{"jsonrpc":"2.0","id":"q","method":"{method}"}}'.encode())
    assert wire.messages == []


def test_list_changes_are_told_by_kind(connection: Connection) -> None:
    kinds: list[str] = []
    connection.listen(kinds.append, lambda _: None)
    for kind in ("tools", "prompts", "resources", "roots"):
        connection.received(f'{{"jsonrpc":"2.0","method":"notifications/{kind}/list_changed"}}'.encode())
    connection.received(b'{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}')
    assert kinds == ["tools", "prompts", "resources", ""]


def test_the_end_fails_everything_pending_and_all_that_follows_and_is_told_once(connection: Connection) -> None:
    events: list[UpstreamEvent] = []
    ends: list[Fault] = []
    connection.listen(lambda _: None, ends.append)
    connection.send(ECHO, events.append)
    connection.closed(GONE)
    connection.closed(Fault(Kind.INTERNAL, "again"))
    connection.send(ECHO, events.append)
    assert events == [Failed(GONE), Failed(msgspec.structs.replace(GONE, unsent=True))], "the second was never sent"
    assert ends == [GONE]
    connection.listen(lambda _: None, ends.append)
    assert ends == [GONE, GONE], "who comes late hears it too"


def test_a_lost_message_fails_all_because_it_could_be_anyone_s(connection: Connection) -> None:
    events: list[UpstreamEvent] = []
    connection.send(ECHO, events.append)
    connection.send(ECHO, events.append)
    connection.lost(GONE)
    assert events == [Failed(GONE)] * 2
    connection.failed(None, GONE)
    connection.failed(55, GONE)


def test_a_sink_that_raises_costs_its_own_message_alone(connection: Connection) -> None:
    def broken(_: UpstreamEvent) -> None:
        raise RuntimeError("a bug of ours")

    events: list[UpstreamEvent] = []
    connection.send(ECHO, broken)
    connection.send(ECHO, events.append)
    connection.received(b'{"id":1,"result":{}}')
    connection.received(b'{"id":2,"result":{}}')
    assert len(events) == 1


@pytest.mark.requirement("cancel.own")
async def test_ask_waits_for_its_answer_and_cancels_what_it_gives_up(
    wire: RecordedWire, connection: Connection
) -> None:
    wire.answer = lambda message: b'{"id":%d,"result":{"x":1}}' % message["id"] if message["method"] == "a/b" else None
    outcome = await connection.ask("a/b", b"{}")
    assert isinstance(outcome, Result)
    for method, cancelled in (("tools/list", True), ("initialize", False), ("server/discover", False)):
        with pytest.raises(UpstreamError) as caught:
            await connection.ask(method, b"{}", timeout=0.01)
        assert caught.value.fault.kind is Kind.TIMEOUT
        assert (wire.messages[-1]["method"] == "notifications/cancelled") is cancelled
    assert connection.pending == 0


async def test_ask_raises_what_the_wire_says(wire: RecordedWire, connection: Connection) -> None:
    async with anyio.create_task_group() as tasks:
        caught: list[Any] = []

        async def ask() -> None:
            try:
                await connection.call(ECHO, 5)
            except UpstreamError as error:
                caught.append(error.fault)

        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        connection.failed(1, GONE)
    assert caught == [GONE]


@pytest.mark.requirement("messages.jsonrpc")
def test_what_goes_out_is_one_json_document(wire: RecordedWire, connection: Connection) -> None:
    connection.notify('notifications/"odd"', b'{"a":1}')
    connection.notify("notifications/initialized")
    assert [json.loads(sent.body).get("params") for sent in wire.sent] == [{"a": 1}, None]


async def test_a_modern_servers_question_is_told_apart_from_an_answer(wire: RecordedWire) -> None:
    connection = wire.receiver = Connection(wire, "files", Era.MODERN)
    connection.adopt(Era.MODERN, "2026-07-28")
    heard: list[UpstreamEvent] = []
    connection.send(ECHO, heard.append)
    question = b'{"resultType":"input_required","inputRequests":{}}'
    connection.received(b'{"jsonrpc":"2.0","id":1,"result":%b}' % question)
    assert heard == [NeedsInput(Question({}, Result(msgspec.Raw(question), Era.MODERN)))]


async def test_a_question_about_our_own_request_is_the_servers_fault(wire: RecordedWire) -> None:
    connection = wire.receiver = Connection(wire, "files", Era.MODERN)
    connection.adopt(Era.MODERN, "2026-07-28")
    question = b'{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{}}}'
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_received, connection, question)
        with pytest.raises(UpstreamError) as caught:
            await connection.call(Request("tools/list", {}, {}), 5)
    assert caught.value.fault.kind is Kind.PROTOCOL


async def _received(connection: Connection, message: bytes) -> None:
    connection.received(message)


def test_a_session_that_is_ending_takes_no_request_and_may_still_answer_those_under_way(connection: Connection) -> None:
    events: list[UpstreamEvent] = []
    ends: list[Fault] = []
    connection.listen(lambda _: None, ends.append)
    first = connection.send(ECHO, events.append)
    connection.send(ECHO, events.append)
    connection.ending(GONE)
    assert (events, ends) == ([], [GONE])
    connection.failed(first, msgspec.structs.replace(GONE, unsent=True))
    connection.closed(Fault(Kind.INTERNAL, "later"))
    assert events == [Failed(msgspec.structs.replace(GONE, unsent=True)), Failed(GONE)]
    assert ends == [GONE]


def test_failures_in_a_row_are_counted_until_an_answer_comes(connection: Connection) -> None:
    rows: list[int] = []
    connection.listen(lambda _: None, lambda _: None, lambda _, row: rows.append(row))
    for _ in range(2):
        connection.failed(connection.send(ECHO, lambda _: None), GONE)
    connection.received(b'{"jsonrpc":"2.0","method":"notifications/message"}')
    connection.failed(connection.send(ECHO, lambda _: None), GONE)
    connection.failed(None, GONE)
    assert rows == [1, 2, 1]
    assert connection.heard == 1


def log_message(text: str) -> bytes:
    return b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"%b"}}' % text.encode()


def at_level(level: str) -> Request:
    return msgspec.structs.replace(ECHO, meta={LOG_LEVEL: msgspec.Raw(b'"%b"' % level.encode())})


def test_a_log_message_goes_to_the_call_on_whose_stream_it_came(connection: Connection) -> None:
    one: list[UpstreamEvent] = []
    two: list[UpstreamEvent] = []
    connection.send(ECHO, one.append)
    connection.send(ECHO, two.append)
    connection.received(log_message("x"), 2)
    connection.received(log_message("y"), 99)
    connection.received(log_message("z"))
    said = msgspec.Raw(b'{"level":"info","data":"x","logger":"files"}')
    assert (one, two) == ([], [Noticed("notifications/message", said)])


def test_a_modern_server_on_one_wire_logs_for_the_only_call_that_asked(connection: Connection) -> None:
    connection.adopt(Era.MODERN, "2026-07-28")
    one: list[UpstreamEvent] = []
    two: list[UpstreamEvent] = []
    connection.send(ECHO, one.append)
    connection.send(at_level("info"), two.append)
    connection.received(log_message("x"))
    assert (len(one), len(two)) == (0, 1)
    connection.send(at_level("info"), one.append)
    connection.received(log_message("y"))
    assert (len(one), len(two)) == (0, 1)


def test_a_call_that_is_cancelled_while_its_server_is_asked_for_a_level_leaves_nothing_that_seems_to_work(
    wire: RecordedWire, connection: Connection
) -> None:
    connection.unasked.logs.offered = True
    connection.cancel(connection.send(at_level("debug"), lambda _: None), "it takes too long")
    assert wire.abandoned == [wire.messages[0]["id"]]
    assert not connection.works_since(connection.asked), "or a server that hangs is taken for one that works, for ever"
    assert connection.pending == 0


def test_a_call_waits_until_its_server_has_taken_the_level_and_is_sent_whatever_it_says(
    wire: RecordedWire, connection: Connection
) -> None:
    connection.unasked.logs.offered = True
    events: list[UpstreamEvent] = []
    call = connection.send(at_level("debug"), events.append)
    (asked,) = wire.messages
    assert (asked["method"], asked["params"]) == ("logging/setLevel", {"level": "debug"})
    connection.received(b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"no"}}' % asked["id"])
    assert (wire.messages[1]["id"], wire.messages[1]["params"]) == (call, {"name": "echo"})
    connection.received(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % call)
    assert events == [Finished(Result(msgspec.Raw(b"{}"), Era.LEGACY))]
    connection.send(at_level("info"), events.append)
    assert [message["method"] for message in wire.messages] == ["logging/setLevel", "tools/call", "tools/call"]


def test_what_stands_for_a_call_since_it_was_made_stands_after_its_server_has_taken_the_level(
    wire: RecordedWire, connection: Connection
) -> None:
    """As a task that the call became: its cancel is another one."""
    connection.unasked.logs.offered = True
    instead: list[str] = []
    call = connection.send(at_level("debug"), lambda _: None)
    connection.hold(call, lambda _: None, lambda: instead.append("the task's own"))
    connection.received(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % wire.messages[0]["id"])
    assert [message["method"] for message in wire.messages] == ["logging/setLevel", "tools/call"]
    connection.cancel(call, "no")
    assert instead == ["the task's own"]


def test_a_call_that_is_cancelled_or_lost_before_it_is_sent_is_never_sent(
    wire: RecordedWire, connection: Connection
) -> None:
    connection.unasked.logs.offered = True
    events: list[UpstreamEvent] = []
    first = connection.send(at_level("info"), events.append)
    connection.cancel(first, "no")
    connection.send(at_level("debug"), events.append)
    for asked in wire.messages[:1]:
        connection.received(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % asked["id"])
    connection.closed(GONE)
    assert [message["method"] for message in wire.messages] == ["logging/setLevel"] * 2
    assert events == [Failed(GONE)]
