"""The suite's scenarios of the tasks extension, bare and through the gateway. They count for no revision's score."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.conformance import suite
from tests.conformance.compare import shortfall, tally
from tests.conformance.everything import Twin
from tests.conformance.runs import gateway_with, through
from tests.support.programs import ROOT, listening

TASKING = Twin("tasking", "a modern server with tasks", ())
REVISION = "2026-07-28"
# The suite skips the tenth: it looks for notifications where the extension no longer sends them.
SCENARIOS, CHECKS = 9, 44


def of_tasks(results: suite.Results) -> suite.Results:
    found = {name: checks for name, checks in results.items() if name.startswith("tasks-")}
    found.pop("tasks-status-notifications", None)
    return found


@pytest.mark.timeout(300)
async def test_the_scenarios_of_the_tasks_extension_pass_as_on_the_bare_server(tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"tests.conformance.servers.{TASKING.name}"]
    with (
        listening(command, command, environment={"PYTHONPATH": str(ROOT)}) as (bare, behind),
        gateway_with({TASKING: behind}, edge=True) as gateway,
    ):
        direct, ours = await asyncio.gather(
            suite.run(f"http://127.0.0.1:{bare}/mcp", REVISION, tmp_path / "direct"),
            through(gateway, TASKING, REVISION, tmp_path),
        )
    direct, ours = of_tasks(direct), of_tasks(ours)
    assert {name: why for name, checks in direct.items() if (why := shortfall([], checks))} == {}
    assert {name: why for name in direct if (why := shortfall(direct[name], ours.get(name, [])))} == {}
    assert tally(ours, {}) >= (SCENARIOS, CHECKS)
