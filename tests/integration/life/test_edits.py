"""Single edits of a program that runs: one that is kept out, `plan`, and SIGHUP."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import clean_environment, running_gateway
from tests.support.place import KEYS, Place, Servers, placed, text_of
from tests.support.processes import eventually
from tests.support.programs import workbench

STEADY = {"steady": workbench("steady"), "calm": workbench("calm")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with placed(STEADY, tmp_path, edge=True) as found:
        for name in STEADY:
            found.reaches(name, "ready")
        yield found


async def test_an_edit_that_fails_its_handshake_is_kept_out_and_shown(place: Place) -> None:
    pid = (await place.call("steady", "whoami")).text
    place.write(STEADY | {"steady": {"command": "/nonexistent/server"}})
    eventually(lambda: place.details("steady").get("rejected"), what="the edit is rejected")
    assert place.state("steady") == "ready"
    assert (await place.call("steady", "whoami")).text == pid


def test_plan_says_what_an_edit_would_do_and_to_whom(place: Place) -> None:
    place.write({**STEADY, "narrow": {**workbench("narrow"), "tools": ["whoami"]}})
    place.reaches("narrow", "ready")
    edit = {
        "steady": {**STEADY["steady"], "tools": ["whoami"]},
        "calm": {**workbench("other"), "tools": {"deny": ["crash"]}},
        "narrow": {**workbench("narrow"), "tools": ["whoami", "hold"]},
        "new": workbench("new"),
    }
    done = plan(place, edit)
    assert done[:4] == [
        "retune   steady: tuned while it runs",
        "retune   narrow: tuned while it runs",
        "start    new: started",
        "change   calm: started anew, and swapped once it is ready",
    ]
    told = dict(line.split("bob: ")[1].split(" ", 1) for line in done if "bob: " in line)
    assert told["gains"] == "narrow__hold"
    assert "steady__crash" in told["loses"]
    assert "steady__whoami" not in told["loses"]
    assert "calm__crash" in told["loses"]
    assert "calm__whoami" in told["may"]
    assert "calm__crash" not in told["may"]
    assert "bob: sees what calm new will list, which is known once it runs" in done
    assert "calm__whoami" in next(line for line in plan(place, {}) if line.startswith("bob: loses"))
    assert list(dict.fromkeys(line.split(":")[0] for line in done if ": gains" in line)) == ["ann", "bob"], (
        "who can call"
    )
    assert place.state("calm") == "ready", "nothing was done"


def plan(place: Place, edit: Servers) -> list[str]:
    (place.gateway.directory / "edit.json").write_text(text_of(edit))
    keys = json.loads(place.keys.read_text())
    keys[KEYS["cut"]]["enabled"] = False
    (place.gateway.directory / "keys.json").write_text(json.dumps(keys))
    env = clean_environment() | {"MCP_DATA_DIR": "data", "MCP_API_KEYS_PATH": "keys.json"}
    done = subprocess.run(
        [sys.executable, "-m", "app", "plan", "edit.json"],
        cwd=place.gateway.directory, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_sighup_reloads_without_a_watch() -> None:
    with running_gateway({"mcpServers": {}}) as gateway:
        (gateway.directory / "mcp_config.json").write_text(text_of(STEADY))
        os.kill(gateway.pid, signal.SIGHUP)
        eventually(lambda: "config reloaded: start steady, calm" in gateway.log())
