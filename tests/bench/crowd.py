"""Many who listen at once: what each costs, how soon a change reaches all of them, and how long others wait meanwhile.

Half of the streams are GETs of legacy sessions, half are `subscriptions/listen`; they come through nginx (where there
is one), with as many keys and addresses as its limits want for so many. One tool is added at a stdio server; the clock
runs from the call that adds it to the last stream that heard of it.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.serve.descriptors import make_room
from tests.bench.endpoint import LEGACY, MODERN, Endpoint
from tests.bench.gateway import HERE, KEYS, Gateway, gateway
from tests.bench.processes import command_line, memory_mb, tree

EACH = 500
GROWING = HERE.parent / "support" / "servers" / "growing.py"
CHANGED = b"notifications/tools/list_changed"
LIMIT = 30.0
# Streams that are being opened at once.
AT_ONCE = 50
# Streams of one key, and of its address: half of what one may have.
OF_A_KEY = 100
# Sessions are opened faster than anybody does; what may stay open is as for everybody.
HURRIED = {"MCP_LIMIT_IP": "100000", "MCP_LIMIT_KEY": "100000"}


@dataclass(frozen=True, slots=True)
class Crowd:
    """`heard`: streams that were told once. `stall_ms`: the slowest answer to a ping meanwhile, less a usual one.

    `calm_ms`: the same before it. `kb_each`: of our own processes; `nginx_kb`: of nginx beside them.
    """

    streams: int
    heard: int
    all_ms: float
    kb_each: float
    stall_ms: float
    calm_ms: float = 0.0
    nginx_kb: float = 0.0


class Ear(asyncio.Protocol):
    """One stream: tells when it is open, and when the change arrives."""

    def __init__(self, request: bytes, marks: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.heard: asyncio.Future[float] = loop.create_future()
        self._request = request
        self._marks = marks
        self._seen = b""
        self.times = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._seen += data
        if self._marks in self._seen and not self.opened.done():
            self.opened.set_result(None)
        *told, self._seen = self._seen.split(CHANGED)
        self.times += len(told)
        if told and not self.heard.done():
            self.heard.set_result(now)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self.opened, self.heard):
            if not waiting.done():
                waiting.set_exception(ConnectionError("the stream has ended"))
                waiting.exception()


def _legacy(endpoint: Endpoint) -> tuple[bytes, bytes]:
    ready = endpoint.opened()
    wanted = {name: value for name, value in ready.headers("", {}).items() if name != "Content-Type"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (wanted | {"Accept": "text/event-stream"}).items())
    return f"GET {endpoint.path} HTTP/1.1\r\n{head}\r\n".encode(), b"keep-alive"


def _modern(endpoint: Endpoint) -> tuple[bytes, bytes]:
    params = {"notifications": {"toolsListChanged": True}}
    data = endpoint.body("subscriptions/listen", params, 7).encode()
    headers = endpoint.headers("subscriptions/listen", params)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {endpoint.path} HTTP/1.1\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode() + data
    return request, b"subscriptions/acknowledged"


@contextmanager
def _probing(app: Gateway) -> Iterator[subprocess.Popen[str]]:
    key = app.endpoint(LEGACY).key
    command = [sys.executable, str(HERE / "prober.py"), str(app.port), key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as prober:
        assert prober.stdout
        assert prober.stdout.readline() == "ready\n"
        try:
            yield prober
        finally:
            if prober.poll() is None:
                prober.kill()


async def _listen(app: Gateway, each: int) -> list[Ear]:
    loop = asyncio.get_running_loop()
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Ear:
        async with turns:
            make, era = ((_legacy, LEGACY), (_modern, MODERN))[number % 2]
            whose = number // OF_A_KEY
            request, marks = await asyncio.to_thread(make, app.endpoint(era, key=KEYS[whose]))
            own = (f"127.0.1.{1 + whose}", 0)
            _, ear = await loop.create_connection(lambda: Ear(request, marks), "127.0.0.1", app.port, local_addr=own)
            await ear.opened
            return ear

    return await asyncio.gather(*map(one, range(2 * each)))


async def _measure(app: Gateway, each: int) -> Crowd:
    everything = tree(app.process.pid).own
    nginx = tuple(pid for pid in everything if command_line(pid).startswith("nginx"))
    own = tuple(pid for pid in everything if pid not in nginx)
    caller = app.endpoint(LEGACY).opened()
    for ear in await _listen(app, 2):  # what the first stream of each kind brings with it is no stream's cost
        ear.transport.close()
    await asyncio.sleep(0.5)
    before, before_nginx = memory_mb(own), memory_mb(nginx)
    ears = await _listen(app, each)
    await asyncio.sleep(1.0)
    kb_each = 1024 * (memory_mb(own) - before) / len(ears)
    nginx_kb = 1024 * (memory_mb(nginx) - before_nginx) / len(ears)
    with _probing(app) as prober:
        await asyncio.sleep(1.0)
        calm = await _slowest(prober)
    with _probing(app) as prober:
        await asyncio.sleep(0.3)
        began = time.perf_counter()
        await asyncio.to_thread(caller.call, "tools/call", {"name": "growing__grow", "arguments": {"name": "new"}})
        async with asyncio.timeout(LIMIT):
            at = await asyncio.gather(*[ear.heard for ear in ears])
        await asyncio.sleep(0.2)
        stall = await _slowest(prober)
    for ear in ears:
        ear.transport.close()
    heard = sum(ear.times == 1 for ear in ears)
    return Crowd(len(ears), heard, 1000 * (max(at) - began), kb_each, stall, calm, nginx_kb)


async def _slowest(prober: subprocess.Popen[str]) -> float:
    """How much longer than a usual one the slowest ping took, in milliseconds."""
    out, _ = await asyncio.to_thread(prober.communicate, "", LIMIT)
    pings = json.loads(out)
    return max(0.0, pings["worst_ms"] - pings["median_ms"])


def crowd(each: int = EACH) -> Crowd:
    """`each` streams of either era."""
    servers = {"growing": {"command": sys.executable, "args": [str(GROWING), "stdio"]}}
    make_room()
    with gateway(servers, MCP_EDGE="auto", **HURRIED) as app:
        app.wait_for(2, LIMIT)
        return asyncio.run(_measure(app, each))
