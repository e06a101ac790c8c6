"""A small MCP client over HTTP for both eras, standard library only: handshakes, single requests, requests as bytes."""

import http.client
import json
import re
from dataclasses import dataclass, field
from typing import Any

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
MARK = "@@@@@@@@@@"  # the load generator puts the request's own number here
CLIENT = {"name": "bench", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class NoResultError(Exception):
    """The answer is not the result that was asked for; the text says what came instead."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One MCP endpoint on this machine as one client of one era sees it."""

    port: int
    era: str
    path: str = "/mcp"
    key: str = ""
    session: dict[str, str] = field(default_factory=dict)

    def headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        always = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        auth = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if self.era != MODERN:
            return always | auth | self.session
        name = {"Mcp-Name": params["name"]} if "name" in params else {}
        return always | auth | {"MCP-Protocol-Version": MODERN, "Mcp-Method": method} | name

    def body(self, method: str, params: dict[str, Any], ident: int | None = None) -> str:
        """The request as JSON; its id is `ident`, or MARK to be filled in by the load generator."""
        if self.era == MODERN:
            params = params | {"_meta": META}
        text = json.dumps({"jsonrpc": "2.0", "id": ident or "MARK", "method": method, "params": params})
        return text.replace('"MARK"', MARK)

    def post(self, body: str, headers: dict[str, str], timeout: float) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", self.path, body.encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def call(self, method: str, params: dict[str, Any], timeout: float = 30) -> dict[str, Any]:
        """The result of one request; raises NoResultError, or OSError when nobody answers within `timeout` s."""
        status, _, text = self.post(self.body(method, params, 7), self.headers(method, params), timeout)
        return result_of(status, text)

    def opened(self, timeout: float = 30) -> "Endpoint":
        """This endpoint after the handshake of its era."""
        if self.era == MODERN:
            return self
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
        body = self.body("initialize", params, 7)
        status, headers, text = self.post(body, self.headers("initialize", params), timeout)
        session = {"MCP-Protocol-Version": result_of(status, text)["protocolVersion"]}
        if ident := headers.get("Mcp-Session-Id"):
            session["Mcp-Session-Id"] = ident
        ready = Endpoint(self.port, self.era, self.path, self.key, session)
        note = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
        status, _, text = ready.post(note, ready.headers("notifications/initialized", {}), timeout)
        if status >= 300:
            raise NoResultError(f"notifications/initialized: HTTP {status}: {text[:200]}")
        return ready

    def tools(self, timeout: float = 30) -> int:
        """How many tools are listed in one page."""
        return len(self.call("tools/list", {}, timeout)["tools"])

    def request(self, method: str, params: dict[str, Any]) -> bytes:
        """The whole HTTP request, MARK in it."""
        data = self.body(method, params).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers(method, params).items())
        return f"POST {self.path} HTTP/1.1\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def result_of(status: int, text: str) -> dict[str, Any]:
    """The `result` in a JSON body or an event stream; raises NoResultError."""
    if status != 200:
        raise NoResultError(f"HTTP {status}: {text[:200]}")
    bodies = [text] if text.startswith("{") else re.findall(r"^data: ?(\{.*)$", text, re.MULTILINE)
    for message in map(json.loads, bodies):
        if "result" in message:
            return message["result"]
        if "error" in message:
            raise NoResultError(f"JSON-RPC error: {message['error']}")
    raise NoResultError(f"no result in {text[:200]!r}")
