"""Edited servers on trial."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from app.gateway.reload import CONFIG, KEYS
from app.upstream.upstream import State
from tests.support.programs import workbench
from tests.unit.gateway.editing import BROKEN, SILENT, edited, until


async def test_an_edited_server_takes_over_once_it_is_ready_and_calls_in_flight_end_well(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with edited(tmp_path, {"a": workbench("a"), "b": workbench("b")}) as house:
        former = house.upstreams["a"]
        client, held = house.call("a__hold", label="x")
        await until(lambda: any(driver.upstream is former for driver in house.gateway.drivers))
        house.edit({"a": workbench("new", gate=str(gate)), "b": {**workbench("b"), "prefix": "p"}})
        assert house.upstreams["a"] is former
        assert any(name.startswith("p__") for name in house.tools), "the others do not wait"
        pid = await house.pid_of("a")
        gate.touch()
        await until(lambda: house.upstreams["a"] is not former)
        assert await house.pid_of("a") != pid
        assert former.state is State.READY
        held.cancel()
        await asyncio.wait([held])
        await until(lambda: former.state is State.STOPPED)
        assert client.outcomes == []


async def test_an_edit_that_fails_its_handshake_is_rejected_and_the_former_server_serves(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        former, pid = house.upstreams["a"], await house.pid_of("a")
        house.edit({"a": BROKEN})
        await until(lambda: house.gateway.edits.servers)
        assert house.upstreams["a"] is former
        assert await house.pid_of("a") == pid
        rejected = house.gateway.edits.servers["a"]
        assert rejected.reason
        house.edit({"a": BROKEN, "b": workbench("b")})
        assert house.gateway.edits.servers == {"a": rejected}, "the same edit is not tried again by itself"
        await house.all_ready()
        assert await house.pid_of("a") == pid
        house.edit({"a": workbench("a"), "b": workbench("b")})
        assert not house.gateway.edits.servers
        assert house.upstreams["a"] is former


async def test_a_rejected_edit_is_tried_again_when_somebody_asks(tmp_path: Path) -> None:
    program = tmp_path / "later"
    entry = workbench("a")
    async with edited(tmp_path, {"a": entry}) as house:
        former = house.upstreams["a"]
        house.edit({"a": {**entry, "command": str(program)}})
        await until(lambda: house.gateway.edits.servers)
        program.symlink_to(entry["command"])
        house.reload.read(CONFIG, KEYS, again=True)
        await until(lambda: house.upstreams["a"] is not former)
        assert not house.gateway.edits.servers


async def test_a_rejected_edit_is_tried_again_when_its_former_self_fails(tmp_path: Path) -> None:
    program = tmp_path / "later"
    entry = workbench("a")
    async with edited(tmp_path, {"a": entry}) as house:
        former = house.upstreams["a"]
        house.edit({"a": {**entry, "command": str(program)}})
        await until(lambda: house.gateway.edits.servers)
        os.kill(await house.pid_of("a"), signal.SIGKILL)
        await until(lambda: former.exits)
        await until(lambda: house.gateway.edits.servers and former.state is State.READY)
        assert house.upstreams["a"] is former, "what still does not work leaves what was started again"
        program.symlink_to(entry["command"])
        os.kill(await house.pid_of("a"), signal.SIGKILL)
        await until(lambda: house.upstreams["a"] is not former)
        assert not house.gateway.edits.servers
        assert await house.pid_of("a")


def alone(label: str, lock: Path) -> dict[str, Any]:
    """A server that cannot start while another one holds the lock."""
    entry = workbench(label)
    return {**entry, "command": "flock", "args": ["-n", str(lock), entry["command"], *entry["args"]], "pool": "one"}


async def test_with_pool_one_an_edited_server_follows_its_former_self_and_calls_wait(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    async with edited(tmp_path, {"a": alone("x", lock)}) as house:
        former, pid, tools = house.upstreams["a"], await house.pid_of("a"), house.tools
        house.edit({"a": alone("y", lock)})
        assert house.tools == tools
        assert await house.pid_of("a") != pid
        assert former.state is State.STOPPED
        assert not house.gateway.edits.servers
        house.edit({"a": {**alone("z", lock), "replace": "always"}})
        assert house.tools == tools
        await house.all_ready()


async def test_with_pool_one_an_edit_that_fails_gives_way_to_its_former_self_and_no_call_fails(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    async with edited(tmp_path, {"a": alone("x", lock)}) as house:
        pid = await house.pid_of("a")
        house.edit({"a": {**BROKEN, "pool": "one"}})
        assert await house.pid_of("a") != pid
        assert house.gateway.edits.servers["a"].reason
        assert house.gateway.current.specs["a"].command == "flock"
        house.edit({"a": {**BROKEN, "pool": "one"}})
        assert house.gateway.edits.servers, "the same edit is not tried again by itself"
        house.edit({"a": alone("x", lock)})
        assert not house.gateway.edits.servers
        await house.all_ready()


async def test_with_pool_one_an_edit_of_an_edit_falls_back_to_what_worked_last(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    async with edited(tmp_path, {"a": alone("x", lock)}) as house:
        house.edit({"a": {**SILENT, "pool": "one"}})
        house.edit({"a": {**BROKEN, "pool": "one"}})
        assert await house.pid_of("a")
        assert house.gateway.current.specs["a"].command == "flock"
        await until(lambda: len(house.gateway.registry.running) == 1)


async def test_a_lazy_server_at_rest_is_kept_too_until_its_edit_has_shown_that_it_works(tmp_path: Path) -> None:
    lazy = {"start": "lazy", "idle_timeout": 1}
    async with edited(tmp_path, {"a": {**workbench("a"), **lazy}}) as house:
        former, tools = house.upstreams["a"], house.tools
        await until(lambda: former.resting)
        house.edit({"a": {**BROKEN, **lazy}})
        await until(lambda: house.gateway.edits.servers)
        assert house.tools == tools
        house.edit({"a": {**workbench("b"), **lazy}})
        assert house.tools == tools
        await until(lambda: house.upstreams["a"] is not former)
        assert house.tools == tools
        assert await house.pid_of("a")


async def test_replace_always_takes_the_edited_server_as_it_is(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        former = house.upstreams["a"]
        house.edit({"a": {**BROKEN, "replace": "always"}})
        assert house.upstreams["a"] is not former
        assert not house.gateway.edits.servers
        await until(lambda: former.state is State.STOPPED)


async def test_replace_always_takes_an_edit_that_was_rejected_before_too(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        former = house.upstreams["a"]
        house.edit({"a": BROKEN})
        await until(lambda: house.gateway.edits.servers)
        house.edit({"a": {**BROKEN, "replace": "always"}})
        assert house.upstreams["a"] is not former
        assert not house.gateway.edits.servers


async def test_what_does_not_run_is_replaced_at_once(tmp_path: Path) -> None:
    async with edited(tmp_path, {"b": workbench("b")}) as house:
        house.edit({"a": BROKEN, "b": workbench("b")})
        await until(lambda: house.upstreams["a"].state not in (State.STARTING, State.READY))
        house.edit({"a": workbench("a"), "b": workbench("b")})
        await house.all_ready()
        assert await house.pid_of("a")


async def test_an_edit_of_an_edit_on_trial_drops_it_and_going_back_keeps_what_runs(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        former = house.upstreams["a"]
        for name in ("one", "two"):
            house.edit({"a": workbench(name, gate=str(tmp_path / "never"))})
        assert len(house.gateway.registry.running) <= 3
        house.edit({"a": workbench("a")})
        await until(lambda: house.gateway.registry.running == [former])
        assert house.upstreams["a"] is former
