"""Files edited under load, nginx in front, real processes: who is not edited notices nothing (F30 to F40)."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Gateway, clean_environment, running_gateway
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, Wire

KEYS = {name: f"sk-test-key-of-enough-length-0123456789-{name}" for name in ("ann", "bob", "cut")}
CLIENTS = 32
# The short form; `RELOADS=200` in the environment is the long one, of 100 s.
RELOADS = int(os.environ.get("RELOADS", "20"))
SPACING = 0.5
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


async def call_on(house: House, number: int, until: asyncio.Event, seen: Counter[str]) -> None:
    """One client that calls a server nobody edits, over one connection, until it is told to stop."""
    caller = house.caller(("ann", "bob")[number % 2], ("modern", "legacy")[number // 2 % 2])
    if caller.era == "legacy":
        await caller.initialize()
    server = tuple(STEADY)[number % 2]
    async with await caller.wire() as wire:
        while not until.is_set():
            reply = await caller.call(f"{server}__whoami", wire=wire)
            seen[reply.message.get("result", {}).get("content", [{}])[0].get("text") or json.dumps(reply.message)] += 1
            await asyncio.sleep(0.02)


def edits(house: House) -> list[Callable[[], object]]:
    """One of each kind, over and over; the last one leaves nothing but the steady servers."""
    other = {"other": workbench("other")}
    path = house.config

    def renamed(servers: dict[str, Any]) -> None:
        fresh = path.with_name("fresh.tmp")
        fresh.write_text(json.dumps({"mcpServers": servers}))
        os.replace(fresh, path)

    def cut_short() -> None:
        path.write_bytes(json.dumps({"mcpServers": STEADY | other}).encode()[:40])

    return [
        lambda: house.write(STEADY | other),
        lambda: renamed({"first": workbench("first"), **STEADY}),
        lambda: house.write(STEADY | {"other": workbench("edited")}),
        cut_short,
        lambda: path.write_text('{"mcpServers": {"steady": {"command": "x", "evn": {}}}}'),
        lambda: renamed(STEADY | {"other": {"command": "/nonexistent/server"}}),
        path.touch,
        lambda: house.write(STEADY | {"other": {**workbench("edited"), "prefix": "p", "timeout": 9}}),
        lambda: subprocess.run(["sed", "-i", "s/edited/again/", str(path)], check=True),
        lambda: renamed(STEADY),
    ]


async def test_calls_on_servers_that_are_not_edited_notice_no_edit_of_any_kind(house: House) -> None:
    before = {name: await house.pid_of(name) for name in STEADY}
    processes = len(house.gateway.tree())
    over, seen = asyncio.Event(), Counter[str]()
    kinds = edits(house)
    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(call_on(house, number, over, seen))
        for number in range(RELOADS):
            await asyncio.to_thread(kinds[number % len(kinds)])
            await asyncio.sleep(SPACING)
        over.set()
    assert set(seen) == set(before.values()), "0 failed calls, and the processes of before"
    assert seen.total() > 10 * CLIENTS
    assert {name: await house.pid_of(name) for name in STEADY} == before
    eventually(lambda: set(house.health()["details"]) == set(STEADY), 5, "the last edit is what runs")
    assert house.health()["status"] == "healthy"
    eventually(lambda: len(house.gateway.tree()) == processes, 10, "nothing is left of the other servers")


def test_a_file_that_does_not_validate_shows_in_health_and_log_until_it_is_good_again(house: House) -> None:
    house.config.write_text('{"mcpServers": {\n"a": {"command": "x", "evn": {}}}}')
    seen = eventually(lambda: house.health().get("reload"), 5, "health says it")
    assert seen["config"]["state"] == "rejected"
    assert "mcp_config.json:2: mcpServers.a.evn" in seen["config"]["reason"]
    assert house.health()["status"] == "degraded"
    assert "mcp_config.json:2: mcpServers.a.evn" in house.gateway.log()
    house.write(STEADY)
    eventually(lambda: "reload" not in house.health(), 5, "all is well")


async def test_an_edit_that_fails_its_handshake_is_kept_out_and_shown(house: House) -> None:
    pid = await house.pid_of("steady")
    house.write(STEADY | {"steady": {"command": "/nonexistent/server"}})
    eventually(lambda: house.health()["details"]["steady"].get("rejected"), 10, "the edit is rejected")
    assert house.state("steady") == "ready"
    assert await house.pid_of("steady") == pid


async def test_a_removed_server_finishes_its_calls_and_refuses_new_ones_at_once(house: House) -> None:
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(house.caller().call("calm__hold", {"label": "x"}))
        pid = int((await house.pid_of("calm")).split()[1])
        house.write({"steady": STEADY["steady"]})
        eventually(lambda: "calm" not in house.health()["details"], 5, "it is gone from the config")
        refused = await house.caller().call("calm__whoami")
        assert refused.message["error"]["code"] == -32602
        assert Path(f"/proc/{pid}").exists(), "a call is in flight"  # noqa: ASYNC240
        held.cancel()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 5, "its process is gone")


async def test_a_revoked_key_is_refused_within_two_seconds_and_nobody_else_is(house: House) -> None:
    revoked = house.caller("cut", "legacy")
    await revoked.initialize()
    began = time.monotonic()
    write_keys(house.keys, "ann", "bob")

    def refused() -> bool:
        return house.gateway.get("/health", {"Authorization": f"Bearer {KEYS['cut']}"})[0] == 401

    eventually(refused, 2.0, "401")
    assert time.monotonic() - began < 2.0
    async with await Wire.connect(house.gateway.host, house.gateway.port) as wire:
        raw = json.dumps(revoked.body("tools/list", None, 7)).encode()
        assert (await wire.request("POST", "/mcp", revoked.headers("tools/list"), raw)).status == 401
    assert house.health("bob")["status"] == "healthy"


def test_plan_says_what_an_edit_would_do_and_to_whom(house: House) -> None:
    edit = {"steady": {**STEADY["steady"], "tools": ["whoami"]}, "new": workbench("new")}
    (house.gateway.directory / "edit.json").write_text(json.dumps({"mcpServers": edit}))
    env = clean_environment() | {"MCP_DATA_DIR": "data", "MCP_API_KEYS_PATH": str(house.keys)}
    done = subprocess.run(
        [sys.executable, "-m", "app", "plan", "edit.json"],
        cwd=house.gateway.directory, env=env, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "retune   steady: tuned while it runs",
        "start    new: started",
        "stop     calm: stopped, once its calls are over",
    ]
    [loses] = [line for line in lines if line.startswith("bob: loses")]
    assert "steady__crash" in loses
    assert "steady__whoami" not in loses
    assert "calm__whoami" in loses
    assert "bob: sees what new will list, which is known once it runs" in lines
    assert house.state("calm") == "ready", "nothing was done"


def test_sighup_reloads_without_a_watch() -> None:
    with running_gateway({"mcpServers": {}}) as gateway:
        (gateway.directory / "mcp_config.json").write_text(json.dumps({"mcpServers": STEADY}))
        os.kill(gateway.pid, signal.SIGHUP)
        eventually(lambda: "config reloaded: start steady, calm" in gateway.log(), 5)
