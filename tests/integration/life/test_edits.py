"""Single edits of a program that runs: one that is kept out, `plan`, and SIGHUP."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Gateway, clean_environment, running_gateway
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller

KEYS = {name: f"sk-test-key-of-enough-length-0123456789-{name}" for name in ("ann", "bob", "cut")}
STEADY = {"steady": workbench("steady"), "calm": workbench("calm")}


def write_keys(path: Path, *clients: str) -> None:
    entries = {KEYS[client]: {"client_id": client, "scopes": ["*", "@admin"]} for client in clients}
    fresh = path.with_name("keys.tmp")
    fresh.write_text(json.dumps(entries))
    fresh.chmod(0o600)
    os.replace(fresh, path)


@dataclass
class House:
    gateway: Gateway
    keys: Path

    @property
    def config(self) -> Path:
        return self.gateway.directory / "mcp_config.json"

    def write(self, servers: dict[str, Any]) -> None:
        self.config.write_text(json.dumps({"mcpServers": servers}))

    def caller(self, client: str = "ann", era: str = "modern") -> Caller:
        return Caller(self.gateway.host, self.gateway.port, KEYS[client], era)

    def health(self, client: str = "ann") -> dict[str, Any]:
        status, body = self.gateway.get("/health", {"Authorization": f"Bearer {KEYS[client]}"})
        assert status == 200, body
        return json.loads(body)

    def state(self, server: str) -> str:
        return self.health()["details"].get(server, {}).get("state", "")

    async def pid_of(self, server: str) -> str:
        reply = await self.caller().call(f"{server}__whoami")
        return reply.result["content"][0]["text"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    keys = tmp_path / "keys.json"
    env = {"MCP_LIVE_RELOAD": "true", "MCP_API_KEYS_PATH": str(keys)}
    write_keys(keys, *KEYS)
    with running_gateway({"mcpServers": STEADY}, env=env, edge=True, keys={}) as gateway:
        found = House(gateway, keys)
        eventually(lambda: all(found.state(name) == "ready" for name in STEADY), 20, "the servers are ready")
        yield found


async def test_an_edit_that_fails_its_handshake_is_kept_out_and_shown(house: House) -> None:
    pid = await house.pid_of("steady")
    house.write(STEADY | {"steady": {"command": "/nonexistent/server"}})
    eventually(lambda: house.health()["details"]["steady"].get("rejected"), 10, "the edit is rejected")
    assert house.state("steady") == "ready"
    assert await house.pid_of("steady") == pid


def test_plan_says_what_an_edit_would_do_and_to_whom(house: House) -> None:
    house.write({**STEADY, "narrow": {**workbench("narrow"), "tools": ["whoami"]}})
    eventually(lambda: house.state("narrow") == "ready", 20, "it is ready, and its whole list is kept")
    edit = {
        "steady": {**STEADY["steady"], "tools": ["whoami"]},
        "calm": {**workbench("other"), "tools": {"deny": ["crash"]}},
        "narrow": {**workbench("narrow"), "tools": ["whoami", "hold"]},
        "new": workbench("new"),
    }
    done = plan(house, edit)
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
    assert "calm__whoami" in next(line for line in plan(house, {}) if line.startswith("bob: loses"))
    assert house.state("calm") == "ready", "nothing was done"


def plan(house: House, edit: dict[str, Any]) -> list[str]:
    (house.gateway.directory / "edit.json").write_text(json.dumps({"mcpServers": edit}))
    env = clean_environment() | {"MCP_DATA_DIR": "data", "MCP_API_KEYS_PATH": str(house.keys)}
    done = subprocess.run(
        [sys.executable, "-m", "app", "plan", "edit.json"],
        cwd=house.gateway.directory, env=env, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_sighup_reloads_without_a_watch() -> None:
    with running_gateway({"mcpServers": {}}) as gateway:
        (gateway.directory / "mcp_config.json").write_text(json.dumps({"mcpServers": STEADY}))
        os.kill(gateway.pid, signal.SIGHUP)
        eventually(lambda: "config reloaded: start steady, calm" in gateway.log(), 5)
