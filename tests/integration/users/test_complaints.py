"""What people report of gateways, where no other test has it: each began as somebody's thread about another product.

One gateway behind nginx for all, in front of a process and of two remote servers, one of them without a stream.
"""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.bench.processes import cpu_seconds
from tests.support.gateway import UNLIMITED, Gateway, running_gateway
from tests.support.http_wires import seen, wayward_http
from tests.support.processes import eventually
from tests.support.programs import module_of, workbench
from tests.support.wire import Caller, Wire, names, until

KEY = "key-of-somebody-who-complains-0123456789"
CLOSE_WAIT = "08"
AUTHORIZED = ("--header", "Authorization:${AUTH}", "--allow-http")


@dataclass
class Place:
    gateway: Gateway
    origin: str

    def client(self, era: str = "legacy") -> Caller:
        return Caller(self.gateway.host, self.gateway.port, KEY, era)

    def edit(self, config: dict[str, Any]) -> None:
        fresh = self.gateway.directory / "next.json"
        fresh.write_text(json.dumps(config))
        os.replace(fresh, self.gateway.directory / "mcp_config.json")

    async def asked(self, path: str) -> list[dict[str, Any]]:
        return [request for request in (await seen(self.origin))["seen"] if request["path"] == path]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        origin = stack.enter_context(wayward_http())
        env = {"MCP_LIVE_RELOAD": "true", **UNLIMITED}
        gateway = stack.enter_context(running_gateway(servers(origin), keys={KEY: "ann"}, env=env, edge=True))
        eventually(lambda: state_of(gateway, "parked") == "failed", what="it is parked")
        for name in ("bench", "plain", "streaming"):
            eventually(lambda name=name: state_of(gateway, name) == "ready", what=f"{name} is ready")
        yield Place(gateway, origin)


def servers(origin: str, **bench: Any) -> dict[str, Any]:
    return {
        "mcpServers": {
            "bench": {**workbench("bench"), **bench},
            "plain": {"type": "http", "era": "legacy", "url": f"{origin}/json"},
            "streaming": {"type": "http", "era": "legacy", "url": f"{origin}/sse"},
            "parked": {"type": "http", "url": f"{origin}/status/401"},
        }
    }


def state_of(gateway: Gateway, name: str) -> str:
    return next(server["state"] for server in gateway.control("/doctor")["servers"] if server["name"] == name)


def half_closed(port: int) -> list[str]:
    """Connections of this port whose other end is gone and that nobody has closed."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [line[1] for line in lines if line[3] == CLOSE_WAIT and int(line[1].split(":")[1], 16) == port]


async def hang_up(place: Place, era: str, tool: str) -> None:
    """A client that is gone while its call runs, without a goodbye."""
    async with place.client(era).open("tools/call", {"name": tool, "arguments": {}}) as wire:
        await asyncio.sleep(0.05)
        wire.writer.transport.abort()


async def test_clients_that_vanish_leave_no_socket_and_no_work(place: Place) -> None:
    for _ in range(10):
        client = place.client()
        await client.initialize()
        async with await client.wire() as stream:
            await stream.ask("GET", "/mcp", client.headers())
            await asyncio.gather(
                hang_up(place, "legacy", "plain__stall"),
                hang_up(place, "modern", "plain__stall"),
                hang_up(place, "modern", "streaming__stall"),
            )
            stream.writer.transport.abort()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(place.client().call("plain__echo"))
    eventually(lambda: not half_closed(place.gateway.port), what="nothing is half closed")
    ours = (place.gateway.worker().pid, place.gateway.nginx_worker().pid)
    before = cpu_seconds(ours)
    await asyncio.sleep(2)
    assert cpu_seconds(ours) - before < 0.5, "who waits for nothing uses no processor"
    assert (await place.client().call("plain__echo", {"a": 1})).text == '{"a": 1}'


async def test_whoever_calls_and_lists_it_is_one_session_with_each_server(place: Place) -> None:
    for era in ("legacy", "modern") * 10:
        client = place.client(era)
        if era == "legacy":
            await client.initialize()
        assert "plain__echo" in names((await client.ask("tools/list")).result["tools"])
        await client.call("plain__echo")
    handshakes = [one for one in await place.asked("/json") if '"initialize"' in one["body"]]
    assert len(handshakes) == 1


async def test_a_server_without_a_stream_is_asked_for_it_once_and_nobody_hears_of_changes(place: Place) -> None:
    client = place.client()
    await client.initialize()
    async with await client.wire() as stream:
        await stream.ask("GET", "/mcp", client.headers())
        await until(lambda: _has(place, "/json", "GET"), "it is asked for its stream")
        before = [one for one in await place.asked("/json") if one["method"] == "GET"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await anext(stream.messages())
    assert [one for one in await place.asked("/json") if one["method"] == "GET"] == before
    assert len(before) == 1


async def _has(place: Place, path: str, method: str) -> bool:
    return any(one["method"] == method for one in await place.asked(path))


async def test_nothing_of_a_clients_headers_reaches_a_server(place: Place) -> None:
    for era in ("legacy", "modern"):
        client = place.client(era)
        marked = ("Authorization", "Cookie", "X-Api-Key", "X-Forwarded-For", "User-Agent", "Baggage")
        sent = [pair for pair in client.headers("tools/call", {"name": "plain__echo"}) if pair[0] not in marked]
        sent += [("Authorization", f"Bearer {KEY}"), *((name, "mark-of-the-client") for name in marked[1:3])]
        sent += [(name, "203.0.113.77") for name in marked[3:]]
        body = client.body("tools/call", {"name": "plain__echo", "arguments": {}}, 1)
        assert (await client.post(json.dumps(body).encode(), sent)).status == 200
    everything = json.dumps(await place.asked("/json"))
    assert '"plain__echo"' not in everything, "it was asked by its own name"
    assert not [word for word in (KEY, "mark-of-the-client", "203.0.113.77") if word in everything]


async def test_a_refused_handshake_opens_no_session(place: Place) -> None:
    stranger = Caller(place.gateway.host, place.gateway.port, "key-of-nobody-whom-we-know-0123456789")
    good = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    refused = [(place.client(), params) for params in (None, {}, {"protocolVersion": 7}, [])]
    for client, params in [*refused, (stranger, good)]:
        raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
        answer = await client.post(raw)
        assert "error" in answer.json(), answer
        assert answer.header("mcp-session-id") is None
    assert (await place.client().initialize()).answer.header("mcp-session-id")


async def test_an_edit_of_one_server_renames_its_tools_once_and_leaves_a_failed_one_alone(place: Place) -> None:
    client = place.client()
    await client.initialize()
    former = names((await client.ask("tools/list")).result["tools"])
    tried = await place.asked("/status/401")
    async with await client.wire() as stream:
        await stream.ask("GET", "/mcp", client.headers())
        place.edit(servers(place.origin, prefix="desk"))
        told = await anext(stream.messages())
        assert told["method"] == "notifications/tools/list_changed"
    later = names((await client.ask("tools/list")).result["tools"])
    assert not [name for name in later if name.startswith("bench")], "the former names are gone"
    assert len(later) == len(former) == len(set(later))
    assert (await client.call("desk__whoami")).text.startswith("bench ")
    assert (await client.call("bench__nothing")).error["code"] == -32602
    assert await place.asked("/status/401") == tried, "it is tried at its own time"


async def test_who_never_reads_a_stream_costs_the_others_nothing(place: Place) -> None:
    wires: list[Wire] = []
    for _ in range(10):
        client = place.client()
        await client.initialize()
        wire = await client.wire()
        await wire.ask("GET", "/mcp", client.headers())
        wires.append(wire)
    assert (await place.client().call("streaming__change")).text == "changed"
    assert (await place.client().call("plain__echo", {"a": 2})).text == '{"a": 2}'
    for wire in wires:
        await wire.close()


async def test_a_client_goes_on_after_the_gateway_was_killed(place: Place, tmp_path: Path) -> None:
    bridge = StdioServerParameters(
        command="node",
        args=[module_of("clients-npm", "mcp-remote/dist/proxy.js"), place.gateway.endpoint, *AUTHORIZED],
        env={"AUTH": f"Bearer {KEY}", "MCP_REMOTE_CONFIG_DIR": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    async with Client(bridge, mode="legacy") as client:
        assert not (await client.call_tool("plain__echo", {"a": 3})).is_error
        former = place.gateway.worker()
        os.kill(former.pid, signal.SIGKILL)
        eventually(lambda: not former.alive and place.gateway.is_live(), what="it is back")
        result = await client.call_tool("plain__echo", {"a": 4})
        assert result.content[0].text == '{"a": 4}'
