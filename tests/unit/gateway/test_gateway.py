"""The gateway's state and its life."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from app.gateway import gateway as module
from app.gateway.gateway import LIST_WAIT, list_wait
from app.gateway.relaying import Relayed, relay
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import Message
from app.protocol.versions import Era
from app.relay.directory import Listing
from app.relay.events import Detached, Result
from app.relay.policy import Grant
from app.upstream.upstream import State
from tests.support.house import eventually, open_house
from tests.support.pace import within
from tests.support.programs import workbench
from tests.unit.gateway.conftest import PlayedClient

EVERYTHING = Grant(["*"])
BROKEN = {"command": "/nonexistent/server"}
SILENT = {"command": "sleep", "args": ["600"]}


def call(name: str, **arguments: object) -> Message:
    params = {"name": name, "arguments": arguments}
    return Message(
        "tools/call", msgspec.Raw(b"1"), {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in params.items()}
    )


def relayed(gateway: module.Gateway, message: Message) -> Relayed:
    session = gateway.sessions.implicit("ann", "2025-03-26")
    return Relayed("ann", session, Era.LEGACY, message, {}, b"", lambda: gateway.current.view(EVERYTHING))


async def test_every_server_starts_at_once_and_none_is_left_when_it_ends(tmp_path: Path) -> None:
    async with open_house(tmp_path, {"a": workbench("a"), "b": workbench("b")}) as gateway:
        assert list(gateway.current.upstreams) == ["a", "b"]
        client = PlayedClient(Detached())
        assert await relay(gateway, relayed(gateway, call("b__whoami")), client) == "b"
        (outcome,) = client.outcomes
        assert isinstance(outcome, Result)
        pid = int(msgspec.json.decode(outcome.raw)["content"][0]["text"].split()[1])
        os.kill(pid, 0)
        upstreams = gateway.current.upstreams.values()
    assert {upstream.state for upstream in upstreams} == {State.STOPPED}
    assert str(pid) not in os.listdir("/proc")


async def test_a_list_waits_for_a_server_that_is_starting(tmp_path: Path, tasks: asyncio.TaskGroup) -> None:
    gate = tmp_path / "gate"
    async with open_house(tmp_path, {"slow": workbench("slow", gate=str(gate))}, wait=False) as gateway:
        waiting = tasks.create_task(gateway.listed(gateway.current.view(EVERYTHING)))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.touch()
        async with asyncio.timeout(30):
            await waiting
        assert gateway.current.view(EVERYTHING).count("slow", Listing.TOOLS)


async def test_a_list_waits_for_a_silent_server_no_longer_than_it_may(tmp_path: Path) -> None:
    servers = {"slow": workbench("slow", gate=str(tmp_path / "gate")), "a": workbench("a")}
    async with open_house(tmp_path, servers, wait=False) as gateway:
        quick = gateway.current.upstreams["a"]
        await eventually(quick, lambda: quick.catalog is not None)
        with within(module.LIST_WAIT + 1):
            await gateway.listed(gateway.current.view(EVERYTHING))
        assert gateway.current.view(EVERYTHING).count("a", Listing.TOOLS)


async def test_a_list_does_not_wait_for_a_server_that_cannot_start(tmp_path: Path) -> None:
    async with open_house(tmp_path, {"broken": BROKEN}, wait=False) as gateway:
        upstream = gateway.current.upstreams["broken"]
        await eventually(upstream, lambda: upstream.state is State.FAILED)
        with within(1):
            await gateway.listed(gateway.current.view(EVERYTHING))


async def test_calls_in_flight_at_a_stop_are_told(
    tmp_path: Path, tasks: asyncio.TaskGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_CALLS", 0.05)
    async with open_house(tmp_path, {"a": workbench("a")}) as gateway:
        client = PlayedClient(Detached())
        running = tasks.create_task(relay(gateway, relayed(gateway, call("a__hold", label="x")), client))
        gateway.drain.begin()
        async with asyncio.timeout(30):
            await running
    (fault,) = client.outcomes
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.retry_after) == (Kind.CLOSED, 2.0)
    assert "unknown" in fault.message


async def test_a_call_that_was_never_sent_is_told_so_at_a_stop(
    tmp_path: Path, tasks: asyncio.TaskGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_CALLS", 0.05)
    async with open_house(tmp_path, {"a": SILENT}, wait=False) as gateway:
        client = PlayedClient(Detached())
        running = tasks.create_task(relay(gateway, relayed(gateway, call("a__hold", label="x")), client))
        gateway.drain.begin()
        async with asyncio.timeout(30):
            await running
    (fault,) = client.outcomes
    assert isinstance(fault, Fault)
    assert "was not sent" in fault.message


async def test_a_data_directory_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    async with open_house(tmp_path, {"a": workbench("a")}) as gateway:
        assert gateway.current.upstreams["a"].state is State.READY
        assert repr(gateway) == "<Gateway <Generation 1 servers> 0 calls <SessionTable 0 sessions of 0 principals>>"


async def test_a_bug_met_beside_the_requests_stops_no_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async with open_house(tmp_path, {"a": workbench("a")}) as gateway:
        before = set(gateway._owned)
        gateway.own(broken())
        await asyncio.wait(gateway._owned - before, timeout=30)
        await relay(gateway, relayed(gateway, call("a__whoami")), client := PlayedClient(Detached()))
        assert isinstance(client.outcomes[0], Result)
    assert "ZeroDivisionError" in caplog.text


async def test_idle_sessions_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP", 0.0)
    async with open_house(tmp_path, {"a": workbench("a")}) as gateway:
        session = gateway.sessions.open("ann", "2025-11-25")
        session.last_used -= 31 * 60
        async with asyncio.timeout(30):
            while len(gateway.sessions):  # noqa: ASYNC110 - a sweep tells nobody
                await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("since_the_command", "wait"),
    [(0.9, 1.7), (1.5, 1.1), (2.0, 0.6), (2.3, LIST_WAIT), (60.0, LIST_WAIT), (0.0, LIST_WAIT)],
)
def test_a_first_list_is_there_before_three_seconds_and_a_later_one_waits_two(
    since_the_command: float, wait: float
) -> None:
    assert list_wait(1000.0, 1000.0 + since_the_command) == pytest.approx(wait)
