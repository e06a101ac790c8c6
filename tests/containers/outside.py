"""What is outside of a container: its port on this machine, and clients of it."""

import http.client
import json
import socket
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.gateway import free_port
from tests.support.processes import eventually

Json = dict[str, Any]
# Seconds until a first start has downloaded its servers.
DOWNLOADED_WITHIN = 90.0
SERVERS = Path(__file__).resolve().parents[1] / "support" / "servers"
TIME = {"command": "uvx", "args": ["mcp-server-time"]}
MEMORY = {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-memory"]}


def port_for(wanted: int) -> int:
    """The port that the documents name, or another one where somebody on this machine has it already."""
    with closing(socket.socket()) as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("0.0.0.0", wanted))
        return wanted
    return free_port()


def write_config(path: Path, **servers: Json) -> None:
    """A config file that everybody may read, as a person's umask leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"mcpServers": servers}))
    path.chmod(0o644)


def bench(**environment: str) -> Json:
    """The config entry of a workbench that needs no file: its program is its argument."""
    return {"command": "python", "args": ["-I", "-c", (SERVERS / "workbench.py").read_text()], "env": environment}


def get(port: int, path: str, key: str = "") -> tuple[int, Json]:
    """Status and JSON body; status 0 while nobody answers."""
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
    return 0, {}


def states(port: int, key: str) -> Json:
    """Server to state, as that key's client sees them."""
    return {name: told["state"] for name, told in get(port, "/health", key)[1].get("details", {}).items()}


def wait_until_ready(port: int, key: str, *servers: str, seconds: float = DOWNLOADED_WITHIN) -> None:
    eventually(lambda: states(port, key) == dict.fromkeys(servers, "ready"), seconds, f"{servers} are ready")


async def tool_names(port: int, key: str, mode: str = "auto") -> list[str]:
    """As the SDK's own client lists them."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http_client,
        Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http_client), mode=mode) as client,
    ):
        return [tool.name for tool in (await client.list_tools()).tools]


async def call(port: int, key: str, name: str, arguments: Json, mode: str = "auto") -> str:
    """The first text of one call's result, by the SDK's own client."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http_client,
        Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http_client), mode=mode) as client,
    ):
        result = await client.call_tool(name, arguments)
        assert not result.is_error, result
        return result.content[0].text
