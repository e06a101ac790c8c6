"""A gateway whose files can be edited and whose servers can be harmed."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway, running_gateway
from tests.support.processes import eventually
from tests.support.wire import Caller, Reply, fresh_address

KEYS = {name: f"sk-test-key-of-enough-length-0123456789-{name}" for name in ("ann", "bob", "cut")}
RELOADED = "config reloaded:"
Servers = Mapping[str, Any]


@dataclass
class Place:
    """`config` and `keys` are the files it reads."""

    gateway: Gateway
    config: Path
    keys: Path

    def write(self, servers: Servers) -> None:
        """In place, as `>` does."""
        self.config.write_text(text_of(servers))

    def rename(self, servers: Servers) -> None:
        """By a file beside it, as most editors do."""
        fresh = self.config.with_name("fresh.tmp")
        fresh.write_text(text_of(servers))
        os.replace(fresh, self.config)

    def write_keys(self, *clients: str) -> None:
        write_keys(self.keys, *clients)

    def caller(self, era: str = "modern", client: str = "ann", patience: float = 30.0) -> Caller:
        return Caller(self.gateway.host, self.gateway.port, KEYS[client], era, patience=patience)

    async def call(self, server: str, tool: str, **arguments: Any) -> Reply:
        return await self.caller().call(f"{server}__{tool}", arguments)

    def health(self, client: str = "ann") -> dict[str, Any]:
        status, body = self.gateway.get("/health", {"Authorization": f"Bearer {KEYS[client]}"})
        assert status == 200, body
        return json.loads(body)

    def refuses(self, client: str) -> bool:
        """From an address of its own: whoever shows unknown keys for long is told to slow down."""
        headers = {"Authorization": f"Bearer {KEYS[client]}"}
        return self.gateway.get("/health", headers, fresh_address())[0] == 401

    def details(self, server: str) -> dict[str, Any]:
        return self.health()["details"].get(server, {})

    def state(self, server: str) -> str:
        return self.details(server).get("state", "")

    def reaches(self, server: str, state: str, seconds: float = 60.0) -> None:
        eventually(lambda: self.state(server) == state, seconds, f"{server} is {state}")

    def reloads(self) -> int:
        """How many edits of the config have been taken so far."""
        return self.gateway.log().count(RELOADED)

    def tools(self, server: str) -> int:
        return self.details(server).get("tools", 0)


@contextmanager
def placed(
    servers: Servers,
    directory: Path,
    *,
    env: Mapping[str, str] | None = None,
    wrap: Sequence[str] = (),
    edge: bool = False,
) -> Iterator[Place]:
    """A gateway that follows its files. `env` may name another config; its `config` is then for the caller to set."""
    keys = directory / "keys.json"
    write_keys(keys, *KEYS)
    live = {"MCP_LIVE_RELOAD": "true", "MCP_API_KEYS_PATH": str(keys), **(env or {})}
    with running_gateway({"mcpServers": servers}, keys={}, env=live, wrap=wrap, edge=edge) as gateway:
        yield Place(gateway, gateway.directory / "mcp_config.json", keys)


def text_of(servers: Servers) -> str:
    return json.dumps({"mcpServers": dict(servers)})


def write_keys(path: Path, *clients: str) -> None:
    entries = {KEYS[client]: {"client_id": client, "scopes": ["*", "@admin"]} for client in clients}
    fresh = path.with_name("keys.tmp")
    fresh.write_text(json.dumps(entries))
    fresh.chmod(0o600)
    os.replace(fresh, path)


def told(reply: Reply) -> str:
    """Everything the client was told, as one text."""
    return json.dumps(reply.message)


def seconds_since(began: float) -> float:
    return time.monotonic() - began
