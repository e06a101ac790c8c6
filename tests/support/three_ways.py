"""One program as three servers behind one gateway with nginx: over stdio, and over HTTP of either era."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import SERVERS, Entry, keys_file, listening

WAYS = ("near", "old", "new")


def program(name: str, *arguments: str) -> Entry:
    """A program of tests/support/servers over stdio."""
    return {"command": sys.executable, "args": [str(SERVERS / name), "stdio", *arguments]}


@contextmanager
def reached_in_three_ways(name: str, keys: dict[str, Any], folder: Path, **others: Entry) -> Iterator[Gateway]:
    """Once all serve. `others` are servers beside the three, the keys file is made in `folder`."""
    remote = [sys.executable, str(SERVERS / name), "http"]
    with listening(remote, remote) as (old, new):
        servers = {
            "near": program(name),
            "old": {"url": f"http://127.0.0.1:{old}/mcp", "era": "legacy"},
            "new": {"url": f"http://127.0.0.1:{new}/mcp", "era": "modern"},
            **others,
        }
        with running_gateway({"mcpServers": servers}, keys={}, env=keys_file(keys, folder), edge=True) as gateway:
            gateway.wait_until_ready()
            yield gateway
