"""Many who listen at once: what each costs, how soon a change reaches all of them, and how long others wait meanwhile.

Half of the streams are GETs of legacy sessions, half are `subscriptions/listen`. One tool is added at a stdio server;
the clock runs from the call that adds it to the last stream that heard of it.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.endpoint import LEGACY, MODERN, Endpoint
from tests.bench.gateway import HERE, Gateway, gateway
from tests.bench.processes import memory_mb, tree

EACH = 500
GROWING = HERE.parent / "support" / "servers" / "growing.py"
CHANGED = b"notifications/tools/list_changed"
LIMIT = 30.0
# Streams that are being opened at once.
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Crowd:
    """`stall_ms`: the slowest answer to a ping while the change was told, less a usual one; `calm_ms`: before it."""

    streams: int
    heard: int
    all_ms: float
    kb_each: float
    stall_ms: float
    calm_ms: float = 0.0


class Ear(asyncio.Protocol):
    """One stream: tells when it is open, and when the change arrives."""

    def __init__(self, request: bytes, marks: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.heard: asyncio.Future[float] = loop.create_future()
        self._request = request
        self._marks = marks
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._seen = (self._seen + data)[-4096:]
        if self._marks in self._seen and not self.opened.done():
            self.opened.set_result(None)
        if CHANGED in self._seen and not self.heard.done():
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
            request, marks = await asyncio.to_thread(make, app.endpoint(era))
            _, ear = await loop.create_connection(lambda: Ear(request, marks), "127.0.0.1", app.port)
            await ear.opened
            return ear

    return await asyncio.gather(*map(one, range(2 * each)))


async def _measure(app: Gateway, each: int) -> Crowd:
    own = tree(app.process.pid).own
    caller = app.endpoint(LEGACY).opened()
    for ear in await _listen(app, 2):  # what the first stream of each kind brings with it is no stream's cost
        ear.transport.close()
    await asyncio.sleep(0.5)
    before = memory_mb(own)
    ears = await _listen(app, each)
    await asyncio.sleep(1.0)
    kb_each = 1024 * (memory_mb(own) - before) / len(ears)
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
    return Crowd(len(ears), len(at), 1000 * (max(at) - began), kb_each, stall, calm)


async def _slowest(prober: subprocess.Popen[str]) -> float:
    """How much longer than a usual one the slowest ping took, in milliseconds."""
    out, _ = await asyncio.to_thread(prober.communicate, "", LIMIT)
    pings = json.loads(out)
    return max(0.0, pings["worst_ms"] - pings["median_ms"])


def crowd(each: int = EACH) -> Crowd:
    """`each` streams of either era."""
    servers = {"growing": {"command": sys.executable, "args": [str(GROWING), "stdio"]}}
    with gateway(servers) as app:
        app.wait_for(2, LIMIT)
        return asyncio.run(_measure(app, each))
