"""Through a tunnel: what is silent for longer than it waits, who the client is, what quick tunnels do to a GET.

The short form has a limit that the gateway's 15 s sign of life just meets; `--long` has Cloudflare's, and six minutes.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.integration.tunnel.visitor import text_of, visitor
from tests.support.edge import edge_log, running_behind
from tests.support.gateway import KEY, Gateway
from tests.support.processes import eventually
from tests.support.programs import SERVERS, workbench
from tests.support.tls import certificate
from tests.support.tunnel import IDLE, tunnel
from tests.support.wire import until

ERAS = ("legacy", "modern")
FRONTS = (*ERAS, "sse")
"""`sse`: HTTP+SSE, whose session is its stream."""


@dataclass
class Form:
    """Seconds: what the tunnel waits, what a call is silent for, what streams are."""

    idle: float
    call: float
    quiet: float
    plain: int
    """How a call ends for a client that takes JSON alone, whose first sign of life comes after 50 s."""


@pytest.fixture
def form(request: pytest.FixtureRequest) -> Form:
    return Form(IDLE, 150, 300, 200) if request.config.getoption("--long") else Form(18, 22, 24, 524)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    growing = {"command": sys.executable, "args": [str(SERVERS / "growing.py"), "stdio"]}
    config = {"mcpServers": {"growing": growing, "bench": workbench("bench")}}
    with running_behind("tunnel", config, keys={KEY: "one"}) as found:
        yield found


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tunnel"))


def origin(gateway: Gateway) -> tuple[str, int]:
    return gateway.host, gateway.port


@pytest.mark.timeout(500)
async def test_calls_and_streams_that_are_silent_for_longer_than_the_tunnel_waits_live_on(
    gateway: Gateway, pem: Path, form: Form
) -> None:
    async with (
        tunnel(origin(gateway), pem, idle=form.idle) as passage,
        visitor(passage.port, pem, "legacy") as legacy,
        visitor(passage.port, pem, "modern") as modern,
        visitor(passage.port, pem, "sse") as sse,
        asyncio.TaskGroup() as tasks,
    ):
        visitors = {"legacy": legacy, "modern": modern, "sse": sse}

        async def listed() -> bool:
            return "growing__grow" in (await modern.post("tools/list", {})).text

        await until(listed, "the servers are listed", 60)
        told = {front: asyncio.Queue[str]() for front in FRONTS}
        listening = [tasks.create_task(visitors[front].listen(told[front])) for front in FRONTS]
        for front in FRONTS:
            assert await asyncio.wait_for(told[front].get(), 30) == "open"
        assert await asyncio.wait_for(told["sse"].get(), 30) == "result"
        assert await asyncio.wait_for(told["modern"].get(), 30) == "notifications/subscriptions/acknowledged"
        calls = {era: tasks.create_task(visitors[era].call("bench__hold", {"label": f"tunnel-{era}"})) for era in ERAS}
        plain = tasks.create_task(legacy.call("bench__hold", {"label": "plain"}, Accept="application/json"))
        assert (await sse.call("bench__hold", {"label": "tunnel-sse"})).status_code == 202
        await asyncio.sleep(form.call)
        for label in ("plain", "tunnel-sse"):
            await modern.call("bench__release", {"label": label})
        answer = await asyncio.wait_for(plain, 30)
        assert answer.status_code == form.plain
        assert form.plain != 200 or text_of(answer) == "released plain"
        assert await asyncio.wait_for(told["sse"].get(), 30) == "result"
        for era in ERAS:
            await modern.call("bench__release", {"label": f"tunnel-{era}"})
            answer = await asyncio.wait_for(calls[era], 30)
            assert (answer.status_code, text_of(answer)) == (200, f"released tunnel-{era}")
        await asyncio.sleep(form.quiet - form.call)
        assert all(queue.empty() for queue in told.values()), "nothing was told, and nothing ended"
        assert text_of(await modern.call("growing__grow", {"name": "sprout"})) == "sprout"
        for front in FRONTS:
            assert await asyncio.wait_for(told[front].get(), 30) == "notifications/tools/list_changed"
        print(f"longest gaps: {passage.gaps}; connections to the origin: {passage.opened}")
        for task in listening:
            task.cancel()


async def test_the_client_is_who_the_tunnel_says_and_not_who_the_client_says(gateway: Gateway, pem: Path) -> None:
    spoofed = {"CF-Connecting-IP": "198.51.100.1", "X-Forwarded-For": "198.51.100.2", "X-Real-IP": "198.51.100.3"}
    async with tunnel(origin(gateway), pem) as passage, visitor(passage.port, pem, "modern") as modern:
        agent = {"User-Agent": "the-spoofing-one", **spoofed}
        assert (await modern.call("bench__whoami", {}, **agent)).status_code == 200
    eventually(lambda: "the-spoofing-one" in edge_log(gateway), what="its line in the access log")
    [line] = [json.loads(line) for line in edge_log(gateway).splitlines() if "the-spoofing-one" in line]
    assert (line["address"], line["peer"]) == (passage.client, "127.0.0.1")
    assert "198.51.100." not in edge_log(gateway) + gateway.log()


async def test_calls_one_after_another_share_a_connection_to_nginx(gateway: Gateway, pem: Path) -> None:
    async with tunnel(origin(gateway), pem) as passage, visitor(passage.port, pem, "modern") as modern:
        for _ in range(60):
            assert text_of(await modern.call("bench__whoami", {}))
    assert passage.opened == 1


async def test_a_tunnel_that_holds_answers_to_get_back_hinders_no_call(gateway: Gateway, pem: Path) -> None:
    async with (
        tunnel(origin(gateway), pem, holds_gets=True) as passage,
        visitor(passage.port, pem, "legacy") as legacy,
        asyncio.TaskGroup() as tasks,
    ):
        told = asyncio.Queue[str]()
        listening = tasks.create_task(legacy.listen(told))
        for _ in range(20):
            assert text_of(await legacy.call("bench__whoami", {}))
        assert told.empty(), "as on a quick tunnel: not even the head"
        listening.cancel()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_sdk_does_the_main_job_through_it(gateway: Gateway, pem: Path, mode: str) -> None:
    async with (
        tunnel(origin(gateway), pem) as passage,
        httpx2.AsyncClient(
            http2=True,
            headers={"Authorization": f"Bearer {KEY}"},
            verify=ssl.create_default_context(cafile=pem),
            timeout=30,
        ) as http,
        Client(streamable_http_client(f"https://localhost:{passage.port}/mcp", http_client=http), mode=mode) as client,
    ):
        assert "bench__whoami" in [tool.name for tool in (await client.list_tools()).tools]
        assert not (await client.call_tool("bench__whoami", {})).is_error
