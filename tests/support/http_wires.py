"""An HTTP wire of ours, opened towards a real server, and everything it reports."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.request import ProxyHandler, build_opener

import anyio

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault
from app.protocol.headers import routing_headers
from app.protocol.versions import Era
from app.upstream.http_client import HttpClient
from app.upstream.sse import SseTransport
from app.upstream.streamable_http import StreamableHttpTransport
from app.upstream.transport import Outgoing, Transport
from tests.support.programs import SERVERS, listening

PATIENCE = 30.0
MODERN = "2026-07-28"


@contextmanager
def wayward_http() -> Iterator[str]:
    """The origin of a running `servers/wayward_http.py`."""
    with listening([sys.executable, "-I", str(SERVERS / "wayward_http.py")]) as [port]:
        yield f"http://127.0.0.1:{port}"


def remote(url: str, kind: str = "http", **members: Any) -> ServerSpec:
    return ServerSpec(**{"name": "far", "label": "far", "kind": kind, "prefix": "far", "url": url, **members})


async def seen(origin: str) -> dict[str, Any]:
    """What `wayward_http` was asked so far."""

    def read() -> dict[str, Any]:
        with build_opener(ProxyHandler({})).open(f"{origin}/seen", timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    return await anyio.to_thread.run_sync(read)


class Wire:
    """A `Receiver` that keeps what it is told, and sends requests under ids of its own."""

    def __init__(self, transport: Transport, era: Era = Era.LEGACY) -> None:
        self.transport = transport
        self.era = era
        self.messages: list[dict[str, Any]] = []
        self.failures: dict[int | None, Fault] = {}
        self.pauses: list[tuple[int, int]] = []
        self.over: Fault | None = None
        self._next = 1
        self._news = anyio.Event()

    def received(self, message: bytes, origin: int | None = None) -> None:
        decoded = json.loads(message)
        self.messages += decoded if isinstance(decoded, list) else [decoded]
        self._tell()

    def failed(self, request_id: int | None, fault: Fault) -> None:
        if not self._answer(request_id):
            self.failures[request_id] = fault
        self._tell()

    def paused(self, request_id: int, retry: int) -> None:
        self.pauses.append((request_id, retry))

    def lost(self, fault: Fault) -> None:
        raise AssertionError(fault)

    def ending(self, fault: Fault) -> None:
        self.closed(fault)

    def closed(self, fault: Fault) -> None:
        assert self.over is None, "closed is told once"
        self.over = fault
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def until(self, condition: Any) -> None:
        with anyio.fail_after(PATIENCE):
            while not condition():
                await self._news.wait()

    def _answer(self, ident: int | None) -> dict[str, Any] | None:
        found = [m for m in self.messages if m.get("id") == ident and ident is not None and "method" not in m]
        assert len(found) < 2, found
        return found[0] if found else None

    def send(self, method: str, params: dict[str, Any] | None = None, token: bool = False) -> int:
        ident, self._next = self._next, self._next + 1
        meta: dict[str, Any] = {"progressToken": ident} if token else {}
        headers: dict[str, str] = {}
        params = dict(params or {})
        if self.era is Era.MODERN:
            prefix = "io.modelcontextprotocol/"
            meta |= {f"{prefix}protocolVersion": MODERN, f"{prefix}clientCapabilities": {}}
            headers = routing_headers(
                method, {key: json.dumps(value).encode() for key, value in params.items()}, MODERN
            )  # type: ignore[misc]
        if meta:
            params["_meta"] = meta
        body = json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, "params": params}).encode()
        self.transport.send(Outgoing(method, body, ident, headers))
        return ident

    def call(self, tool: str, token: bool = False, **arguments: Any) -> int:
        return self.send("tools/call", {"name": tool, "arguments": arguments}, token)

    def notify(self, method: str) -> None:
        self.transport.send(Outgoing(method, json.dumps({"jsonrpc": "2.0", "method": method}).encode()))

    async def answer(self, ident: int) -> dict[str, Any]:
        await self.until(lambda: self._answer(ident) or ident in self.failures)
        assert ident not in self.failures, self.failures[ident]
        return self._answer(ident) or {}

    async def text(self, ident: int) -> str:
        return str((await self.answer(ident))["result"]["content"][0]["text"])

    async def fault(self, ident: int) -> Fault:
        await self.until(lambda: self._answer(ident) or ident in self.failures)
        assert ident in self.failures, self._answer(ident)
        return self.failures[ident]

    async def shake_hands(self) -> None:
        await self.answer(self.send("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}}))
        self.notify("notifications/initialized")


@asynccontextmanager
async def wired(spec: ServerSpec, era: Era = Era.LEGACY) -> AsyncIterator[Wire]:
    """The wire opened, in legacy with its handshake done; closed afterwards."""
    client = HttpClient({})
    async with anyio.create_task_group() as tasks:
        if spec.kind == "sse":
            transport: Transport = SseTransport(spec, tasks.start_soon, client)
        else:
            transport = StreamableHttpTransport(spec, era, tasks.start_soon, client)
        wire = Wire(transport, era)
        try:
            await transport.open(wire)
            if era is Era.LEGACY:
                await wire.shake_hands()
            yield wire
        finally:
            await transport.close()
            await client.close()
