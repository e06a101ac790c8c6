"""What becomes of calls that wait for their clients when a server is edited, a key is revoked, or the gateway ends."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.questions.cast import ANN, BOB, KEYS
from tests.integration.questions.wire import YES, Legacy, Modern
from tests.support.gateway import Gateway, running_gateway
from tests.support.pace import kept
from tests.support.processes import eventually
from tests.support.programs import SERVERS, keys_file
from tests.support.upstreams import alive
from tests.support.wire import Caller, until

ASKING: dict[str, Any] = {"command": sys.executable, "args": [str(SERVERS / "asking_legacy.py")]}
EDITED = {**ASKING, "env": {"EDITED": "1"}}


@dataclass
class House:
    gateway: Gateway
    keys: Path

    def write(self, **servers: Any) -> None:
        (self.gateway.directory / "mcp_config.json").write_text(json.dumps({"mcpServers": servers}))

    async def listed(self, *names: str, key: str = ANN) -> None:
        async def there() -> bool:
            tools = (await Caller(self.gateway.host, self.gateway.port, key).ask("tools/list")).result["tools"]
            return {tool["name"].partition("__")[0] for tool in tools} == set(names)

        await until(there, f"{names} are listed", 60)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    env = {**keys_file(KEYS, tmp_path), "MCP_LIVE_RELOAD": "true"}
    with running_gateway({"mcpServers": {"files": ASKING}}, keys={}, env=env) as running:
        yield House(running, tmp_path / "api_keys.json")


@pytest.fixture(autouse=True)
def listed() -> None:
    """Each gateway here is a test's own."""


async def pid_of(ann: Modern) -> int:
    return json.loads((await ann.call("files__declared")).text)["pid"]


async def test_a_call_that_waits_outlives_the_edit_of_its_server_and_the_old_process_does_not_outlive_it(
    house: House,
) -> None:
    await house.listed("files")
    ann = Modern(house.gateway)
    before = await pid_of(ann)
    asked = await ann.question("files__ask")
    house.write(files=EDITED)
    plain = Modern(house.gateway, able={})

    async def edited() -> bool:
        found = json.loads((await plain.call("files__declared")).text)
        return found["pid"] != before and found["capabilities"] == {}

    await until(edited, "the edit has taken its place")
    assert alive(before)
    [key] = asked["inputRequests"]
    assert json.loads((await ann.retry("files__ask", {}, asked, {key: YES})).text) == [{"result": YES}]
    eventually(lambda: not alive(before), what="the old server is gone")


async def test_a_call_that_waits_ends_with_the_removal_of_its_server(house: House) -> None:
    await house.listed("files")
    ann = Modern(house.gateway)
    asked = await ann.question("files__ask")
    before = await pid_of(Modern(house.gateway, able={}))
    house.write(other=ASKING)
    await house.listed("other")
    [key] = asked["inputRequests"]
    assert (await ann.retry("files__ask", {}, asked, {key: YES})).error["code"] == -32602
    eventually(lambda: not alive(before), what="the removed server is gone")


async def test_a_state_from_before_a_restart_is_refused(house: House) -> None:
    await house.listed("files")
    ann = Modern(house.gateway)
    asked = await ann.question("files__ask")
    [key] = asked["inputRequests"]
    os.kill(house.gateway.worker().pid, signal.SIGKILL)

    async def back() -> bool:
        return house.gateway.is_live()

    await until(back, "another worker serves")
    await house.listed("files")
    refused = await ann.retry("files__ask", {}, asked, {key: YES})
    assert (refused.status, refused.error["code"]) == (400, -32602)


async def test_a_call_that_waits_does_not_hold_up_a_stop(house: House) -> None:
    await house.listed("files")
    ann, legacy = Modern(house.gateway), await Legacy(house.gateway).begin()
    await ann.question("files__ask")
    async with legacy.calls("files__ask") as call:
        await call.request()
        began = time.monotonic()
        house.gateway.stop()
        assert kept(time.monotonic() - began, 8)


async def test_a_revoked_key_ends_the_calls_that_wait_for_its_client(house: House) -> None:
    await house.listed("files")
    ann, bob = Modern(house.gateway), Modern(house.gateway, BOB)
    asked = await ann.question("files__ask")
    [key] = asked["inputRequests"]
    house.keys.write_text(json.dumps({BOB: {"client_id": "bob"}}))

    async def refused() -> bool:
        answer = await ann.caller.post(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', [*ann.caller.headers()][:3])
        return answer.status == 401

    await until(refused, "the key counts no more")
    house.keys.write_text(json.dumps(KEYS))

    async def again() -> bool:
        answer = await ann.caller.post(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', [*ann.caller.headers()][:3])
        return answer.status != 401

    await until(again, "the key counts again")
    assert (await ann.retry("files__ask", {}, asked, {key: YES})).error["code"] == -32602
    assert (await bob.call("files__journal")).status == 200
