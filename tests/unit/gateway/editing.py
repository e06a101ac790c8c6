"""A gateway in the test's own process whose files are edited: real servers, a real file."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from app.config.keyring import Keyring
from app.config.settings import Settings
from app.gateway.drain import Drain
from app.gateway.gateway import Gateway
from app.gateway.relaying import Relayed, relay
from app.gateway.reload import CONFIG, Reload
from app.protocol.jsonrpc import Message
from app.protocol.versions import Era
from app.relay.directory import Listing
from app.relay.events import Detached, Result
from app.relay.policy import Grant
from app.upstream.upstream import State, Upstream
from tests.support.house import snapshot_of
from tests.unit.gateway.conftest import PlayedClient

EVERYTHING = Grant(["*"])
BROKEN = {"command": "/nonexistent/server"}
SILENT = {"command": "sleep", "args": ["600"]}
PATIENCE = 30.0
KEY = "sk-test-key-of-enough-length-0123456789"


@dataclass
class Edited:
    """A gateway, its files and what takes their edits."""

    gateway: Gateway
    folder: Path
    reload: Reload

    def write(self, servers: dict[str, Any]) -> None:
        (self.folder / "mcp_config.json").write_text(json.dumps({"mcpServers": servers}))

    def edit(self, servers: dict[str, Any]) -> None:
        self.write(servers)
        self.reload.read(CONFIG)

    def keys(self, *clients: str, scopes: tuple[str, ...] = ("*",)) -> None:
        entries = {f"{KEY}-{client}": {"client_id": client, "scopes": scopes} for client in clients}
        (self.folder / "keys.json").write_text(json.dumps(entries))
        (self.folder / "keys.json").chmod(0o600)

    @property
    def upstreams(self) -> dict[str, Upstream]:
        return self.gateway.current.upstreams

    @property
    def tools(self) -> list[str]:
        rendered = self.gateway.current.view(EVERYTHING).list_result(Listing.TOOLS, Era.LEGACY)
        return [tool["name"] for tool in json.loads(rendered)["tools"]]

    async def all_ready(self) -> None:
        await until(lambda: all(one.state is State.READY for one in self.upstreams.values()))

    def call(self, name: str, **arguments: object) -> tuple[PlayedClient, asyncio.Task[str]]:
        params = {
            "name": msgspec.Raw(msgspec.json.encode(name)),
            "arguments": msgspec.Raw(msgspec.json.encode(arguments)),
        }
        message = Message("tools/call", msgspec.Raw(b"1"), params)
        view = lambda: self.gateway.current.view(EVERYTHING)  # noqa: E731 - read again at each step
        call = Relayed("ann", self.gateway.sessions.implicit("ann", "2025-03-26"), Era.LEGACY, message, {}, b"", view)
        client = PlayedClient(Detached())
        return client, self.gateway.tasks.create_task(relay(self.gateway, call, client))

    async def pid_of(self, server: str) -> int:
        client, task = self.call(f"{server}__whoami")
        await asyncio.wait_for(task, PATIENCE)
        (outcome,) = client.outcomes
        assert isinstance(outcome, Result), outcome
        return int(msgspec.json.decode(outcome.raw)["content"][0]["text"].split()[1])


async def until(happened: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - many things change, and none tells of all
            await asyncio.sleep(0.01)


@asynccontextmanager
async def edited(folder: Path, servers: dict[str, Any]) -> AsyncIterator[Edited]:
    settings = Settings(
        config_path=str(folder / "mcp_config.json"),
        api_keys_path=str(folder / "keys.json"),
        data_dir=str(folder / "data"),
    )
    (folder / "mcp_config.json").write_text(json.dumps({"mcpServers": servers}))
    gateway = Gateway(settings, snapshot_of(servers), Keyring(), drain=Drain(), adopt_orphans=False)
    async with gateway.running():
        found = Edited(gateway, folder, Reload(gateway, {}))
        await found.all_ready()
        yield found
