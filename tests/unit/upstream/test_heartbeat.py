import json
from typing import Any

import anyio
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Request
from app.upstream import heartbeat
from app.upstream.connection import Connection
from tests.support.recorded import RecordedWire

DOWN = Fault(Kind.UNREACHABLE, "down")


@pytest.fixture
async def wire() -> RecordedWire:
    return RecordedWire()


async def connected(wire: RecordedWire, era: Era) -> Connection:
    connection = Connection(wire, "files", era)
    connection.adopt(era, "2025-11-25" if era is Era.LEGACY else "2026-07-28")
    await wire.open(connection)
    return connection


def refusing(message: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}).encode()


@pytest.mark.parametrize(("era", "method"), [(Era.LEGACY, "ping"), (Era.MODERN, "server/discover")])
async def test_each_era_is_asked_with_what_costs_nothing_and_an_error_is_an_answer(
    wire: RecordedWire, era: Era, method: str
) -> None:
    connection = await connected(wire, era)
    wire.answer = refusing
    assert await heartbeat.probe(connection) is None
    assert [message["method"] for message in wire.messages] == [method]


async def test_no_answer_is_a_fault_unless_something_else_was_heard(wire: RecordedWire) -> None:
    connection = await connected(wire, Era.LEGACY)
    found = await heartbeat.probe(connection, 0.01)
    assert found is not None
    assert found.kind is Kind.TIMEOUT

    def chatty(_: dict[str, Any]) -> bytes:
        return b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}'

    wire.answer = chatty
    assert await heartbeat.probe(connection, 0.01) is None


async def test_three_misses_end_the_watch_and_a_late_answer_starts_it_anew(
    wire: RecordedWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.06)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (0.01,))
    connection = await connected(wire, Era.LEGACY)
    pings = 0

    def second_only(message: dict[str, Any]) -> bytes | None:
        nonlocal pings
        pings += message["method"] == "ping"
        return refusing(message) if message["method"] == "ping" and pings == 2 else None

    wire.answer = second_only
    misses: list[int] = []
    with anyio.fail_after(30):
        fault = await heartbeat.watch(connection, misses.append)
    assert misses == [1, 0, 1, 2, 3]
    assert fault is not None
    assert "3 health checks" in fault.message


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.03)
    monkeypatch.setattr(heartbeat, "ANSWER_WITHIN", 0.01)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (0.01,))


@pytest.mark.usefixtures("quick")
async def test_a_server_that_works_on_a_call_is_asked_and_kept_until_that_call_is_over(wire: RecordedWire) -> None:
    connection = await connected(wire, Era.LEGACY)
    misses: list[int] = []
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            call = connection.send(Request("tools/call", {}, {}), lambda _: None)
            with anyio.move_on_after(0.5) as waiting:
                await heartbeat.watch(connection, misses.append)
            assert waiting.cancelled_caught, "a server that may be busy was given up"
            assert misses == [1, 2, 3]
            pings = [message["method"] for message in wire.messages].count("ping")
            assert pings == 3, "what nobody reads is not piled up"

            async def end_the_call() -> None:
                while len(misses) < 6:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
                connection.send(Request("tools/call", {}, {}), lambda _: None)
                connection.cancel(call, "its time is over")

            tasks.start_soon(end_the_call)
            assert await heartbeat.watch(connection, misses.append) is not None, "a later call is no excuse"


@pytest.mark.usefixtures("quick")
async def test_a_server_that_cannot_be_reached_is_given_up_whatever_it_worked_on(wire: RecordedWire) -> None:
    connection = await connected(wire, Era.LEGACY)
    connection.send(Request("tools/call", {}, {}), lambda _: None)

    def unreachable(message: dict[str, Any]) -> None:
        if message["method"] == "ping":
            connection.failed(message["id"], DOWN)

    wire.answer = unreachable
    with anyio.fail_after(30):
        assert await heartbeat.watch(connection, lambda _: None) is not None


@pytest.mark.usefixtures("quick")
async def test_the_watch_of_a_session_that_is_over_ends(wire: RecordedWire) -> None:
    connection = await connected(wire, Era.LEGACY)
    connection.ending(DOWN)
    with anyio.fail_after(30):
        assert await heartbeat.watch(connection, lambda _: None) is None
