"""The first things a person tries: the contract's `curl`, the seed's `filesystem:read_file`, the health page."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.interop.house import KEY, House
from tests.support.wire import Caller, Wire, names

LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_of_the_contract_lists_the_tools(endpoint: str) -> None:
    argv = ["curl", "-sS", "-H", f"Authorization: Bearer {KEY}", "-H", "Content-Type: application/json"]
    done = subprocess.run([*argv, "-d", LIST, endpoint], capture_output=True, check=True, timeout=30)
    answer = json.loads(done.stdout)
    assert answer["id"] == 1
    assert "filesystem__read_file" in names(answer["result"]["tools"])


async def test_what_curl_sends_lists_the_tools(gateway: Any) -> None:
    headers = [
        ("User-Agent", "curl/8.0"),
        ("Accept", "*/*"),
        ("Authorization", f"Bearer {KEY}"),
        ("Content-Type", "application/json"),
    ]
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        answer = await wire.request("POST", "/mcp", headers, LIST.encode())
    assert answer.status == 200
    assert "filesystem__read_file" in names(answer.json()["result"]["tools"])


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_file_is_read_under_the_listed_name_and_under_the_colon_alias(
    gateway: Any, house: House, era: str
) -> None:
    caller = Caller(gateway.host, gateway.port, KEY, era)
    assert "filesystem__read_file" in names((await caller.ask("tools/list")).result["tools"])
    for name in ("filesystem__read_file", "filesystem:read_file"):
        reply = await caller.call(name, {"path": str(house.folder / "greeting.txt")})
        assert reply.text == "good morning from the folder"


async def test_health_names_all_servers_in_config_order(gateway: Any, house: House) -> None:
    async with await Wire.connect(gateway.host, gateway.port) as wire:
        seen = (await wire.request("GET", "/health", [("Authorization", f"Bearer {KEY}")])).json()
    assert seen["status"] == "healthy"
    assert seen["servers"] == list(house.config["mcpServers"])
    assert all(detail["tools"] > 0 for detail in seen["details"].values())
