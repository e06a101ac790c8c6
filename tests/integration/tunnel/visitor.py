"""A client of the tunnel's stand-in: HTTP/2 over TLS by a library, MCP as `Caller` writes it, or over HTTP+SSE."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.gateway import KEY
from tests.support.wire import Caller

Json = dict[str, Any]


class Visitor:
    """One HTTP/2 connection for as many requests as are made."""

    def __init__(self, http: httpx.AsyncClient, era: str) -> None:
        self.http, self.caller = http, Caller("localhost", 0, KEY, era)
        self.path = "/mcp"

    async def initialize(self) -> None:
        """Of the older revisions: a session, used from then on."""
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "v", "version": "1"}}
        answer = await self.post("initialize", params)
        if self.caller.era == "legacy":
            self.caller.session, self.caller.version = answer.headers["mcp-session-id"], "2025-11-25"
        headers = dict(self.caller.headers())
        noted = await self.http.post(
            self.path, headers=headers, json={"jsonrpc": "2.0", "method": "notifications/initialized"}
        )
        assert noted.status_code == 202

    async def post(self, method: str, params: Json, **headers: str) -> httpx.Response:
        sent = {**dict(self.caller.headers(method, params)), **headers}
        body = self.caller.body(method, params, self.caller.fresh_id())
        return await self.http.post(self.path, headers=sent, json=body)

    async def call(self, name: str, arguments: Json, **headers: str) -> httpx.Response:
        return await self.post("tools/call", {"name": name, "arguments": arguments}, **headers)

    async def listen(self, told: asyncio.Queue[str]) -> None:
        """Puts the method of each message of the one stream that this era has, and `result` for an answer."""
        if self.caller.era in ("legacy", "sse"):
            headers = {**dict(self.caller.headers()), "Accept": "text/event-stream"}
            opened = self.http.stream("GET", "/sse" if self.caller.era == "sse" else "/mcp", headers=headers)
        else:
            method, params = "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
            headers = dict(self.caller.headers(method, params))
            body = self.caller.body(method, params, self.caller.fresh_id())
            opened = self.http.stream("POST", "/mcp", headers=headers, json=body)
        async with opened as answer:
            assert answer.status_code == 200
            told.put_nowait("open")
            async for line in answer.aiter_lines():
                if line.startswith("data: /"):
                    self.path = line[6:]
                    await self.initialize()
                elif line.startswith("data:") and len(line) > 6:
                    told.put_nowait(json.loads(line[5:]).get("method", "result"))
        told.put_nowait("ended")


def text_of(answer: httpx.Response) -> str:
    """The first text of a call's result, whichever form it came in."""
    lines = answer.text.splitlines()
    raw = next((line[5:] for line in reversed(lines) if line.startswith("data:") and "result" in line), answer.text)
    return json.loads(raw)["result"]["content"][0]["text"]


@asynccontextmanager
async def visitor(port: int, certificate: Path, era: str) -> AsyncIterator[Visitor]:
    trust = ssl.create_default_context(cafile=certificate)
    async with httpx.AsyncClient(
        http2=True, http1=False, verify=trust, timeout=None, base_url=f"https://localhost:{port}"
    ) as http:
        found = Visitor(http, era)
        if era == "legacy":
            await found.initialize()
        yield found
