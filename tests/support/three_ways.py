"""One program as three servers behind one gateway with nginx: over stdio, and over HTTP of either era."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway, running_gateway
from tests.support.listeners import caller
from tests.support.programs import SERVERS, Entry, keys_file, listening
from tests.support.wire import names, until

WAYS = ("near", "old", "new")
PATIENCE = 60.0


def program(name: str, *arguments: str) -> Entry:
    """A program of tests/support/servers over stdio."""
    return {"command": sys.executable, "args": [str(SERVERS / name), "stdio", *arguments]}


@contextmanager
def reached_in_three_ways(
    name: str, keys: dict[str, Any], folder: Path, listed: set[str], **others: Entry
) -> Iterator[Gateway]:
    """Once all of `listed` are. `others` are servers beside the three, the keys file is made in `folder`."""
    remote = [sys.executable, str(SERVERS / name), "http"]
    with listening(remote, remote) as (old, new):
        servers = {
            "near": program(name),
            "old": {"url": f"http://127.0.0.1:{old}/mcp", "era": "legacy"},
            "new": {"url": f"http://127.0.0.1:{new}/mcp", "era": "modern"},
            **others,
        }
        with running_gateway({"mcpServers": servers}, keys={}, env=keys_file(keys, folder), edge=True) as gateway:
            asyncio.run(_until_listed(gateway, listed))
            yield gateway


async def _until_listed(gateway: Gateway, wanted: set[str]) -> None:
    client = caller(gateway, "legacy")

    async def all_are() -> bool:
        return wanted <= set(names((await client.ask("tools/list")).result["tools"]))

    await until(all_are, "every server is listed", PATIENCE)
