"""A server that takes its time delays nobody but those who call it (the list waits for it 2 s at most)."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.relay.cast import WIDE
from tests.support.gateway import Gateway, running_gateway
from tests.support.pace import kept
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, names


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "open"


@pytest.fixture
def starting(gate: Path) -> Iterator[Gateway]:
    config = {"mcpServers": {"late": workbench("late", gate=str(gate)), "ready": workbench("ready")}}
    with running_gateway(config, keys={WIDE: "wide"}, edge=False) as running:
        yield running
        gate.touch()


async def test_a_list_waits_two_seconds_for_a_starting_server_and_a_call_as_long_as_it_takes(
    starting: Gateway, gate: Path
) -> None:
    caller = Caller(starting.host, starting.port, WIDE)
    assert (await caller.call("ready__whoami")).text.startswith("ready ")
    async with caller.open("tools/call", {"name": "late__whoami", "arguments": {}}, ident="early") as wire:
        began = time.monotonic()
        listed = names((await caller.ask("tools/list")).result["tools"])
        assert kept(time.monotonic() - began, 3.5)
        assert "ready__whoami" in listed
        assert "late__whoami" not in listed
        assert (await caller.ask("ping")).result == {}
        gate.touch()  # noqa: ASYNC240
        answer = await wire.head()
        assert answer.status == 200
        assert b"late " in b"".join([piece async for piece in wire.pieces()])
    listed = names((await caller.ask("tools/list")).result["tools"])
    assert listed[0] == "late__mirror", "config order, whoever came first"


async def test_a_list_that_waits_is_answered_as_soon_as_the_server_is_there(starting: Gateway, gate: Path) -> None:
    caller = Caller(starting.host, starting.port, WIDE, "modern")
    assert (await caller.call("ready__whoami")).text.startswith("ready ")
    await asyncio.to_thread(eventually, gate.with_name("open.knocked").exists, what="the late one waits at its gate")
    async with caller.open("tools/list", ident=1) as wire:
        assert (await caller.ask("server/discover")).status == 200
        gate.touch()  # noqa: ASYNC240
        await wire.head()
        body = b"".join([piece async for piece in wire.pieces()])
    assert b"late__whoami" in body
