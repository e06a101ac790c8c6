"""A start with servers that hang and crash: the others are listed in time, and who comes late is announced."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.bench.gateway import echo_stdio
from tests.support.gateway import Gateway, started_gateway
from tests.support.listeners import caller, listening
from tests.support.pace import kept
from tests.support.programs import SERVERS, Entry, workbench

GOOD = {f"good{number}" for number in range(15)}
LISTED_WITHIN = 3.0
KEY = "key-of-the-one-who-calls-0123456789"
TOOLS = "tools/list_changed"
# A server that ends as soon as it starts, until the file that its first argument names is there.
CRASHING = """
import os, runpy, sys
os.path.exists(sys.argv[1]) or sys.exit(3)
runpy.run_path(sys.argv[2], run_name="__main__")
"""


def crashing(name: str, gate: Path) -> Entry:
    entry = workbench(name, serves="tools")
    return {**entry, "args": ["-I", "-c", CRASHING, str(gate), str(SERVERS / "workbench.py")]}


async def servers_listed(gateway: Gateway) -> set[str]:
    """Empty while nobody answers."""
    client = caller(gateway, "modern", KEY)
    try:
        listed = (await client.ask("tools/list")).result["tools"]
    except (OSError, EOFError, AssertionError):
        return set()
    return {tool["name"].partition("__")[0] for tool in listed}


async def listed_in_time(gateway: Gateway, began: float) -> bool:
    """Once the good servers are listed, and nobody else: whether that came within the promise."""
    while (listed := await servers_listed(gateway)) != GOOD:
        assert time.monotonic() - began < 20 * LISTED_WITHIN, f"{sorted(listed)}\n{gateway.log()}"
        await asyncio.sleep(0.02)
    took = time.monotonic() - began
    print(f"{len(GOOD)} good servers listed after {took:.2f} s")
    return await asyncio.to_thread(kept, took, LISTED_WITHIN)


@pytest.mark.slow
async def test_fifteen_good_servers_of_twenty_are_listed_in_three_seconds_and_each_late_one_is_told_once(
    tmp_path: Path,
) -> None:
    gates = {name: tmp_path / name for name in ("crashed", "hung0", "hung1", "hung2")}
    hanging = {
        name: workbench(name, serves="tools", gate=str(gate)) for name, gate in gates.items() if name != "crashed"
    }
    crashes = {"crashed": crashing("crashed", gates["crashed"]), "hopeless": crashing("hopeless", tmp_path / "never")}
    # The bad ones first: nobody waits behind them.
    servers = {**hanging, **crashes, **{name: echo_stdio() for name in sorted(GOOD)}}
    assert len(servers) == 20
    began = time.monotonic()
    with started_gateway({"mcpServers": servers}, keys={KEY: "one"}, edge=True) as gateway:
        in_time = await listed_in_time(gateway, began)
        async with (
            listening(caller(gateway, "legacy", KEY)) as old,
            listening(caller(gateway, "modern", KEY)) as new,
        ):
            late: set[str] = set()
            for name, gate in gates.items():
                gate.touch()
                late.add(name)
                for listener in (old, new):
                    await listener.hears(TOOLS, len(late))
                assert await servers_listed(gateway) == GOOD | late
            # No second one of any follows: a call of the last to come is answered after all that was to be told.
            assert (await caller(gateway, "modern", KEY).call("hung2__whoami")).text.startswith("hung2 ")
            assert [listener.changes for listener in (old, new)] == [[TOOLS] * len(late)] * 2
    assert in_time
