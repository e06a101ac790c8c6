"""A running gateway over real servers, and the app's answers to one request at a time."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.config.keyring import Key, Keyring, Principal
from app.gateway.gateway import Gateway
from app.relay.policy import Grant
from tests.support.house import open_house, owned
from tests.support.programs import workbench

ANN = Principal("ann", Grant(["*"]))
BOB = Principal("bob", Grant(["b"]))
KEYS = {b"key-of-ann-0123456789-0123456789": ANN, b"key-of-bob-0123456789-0123456789": BOB}
KEYRING = Keyring([Key(hashlib.sha256(key).digest(), who, "test") for key, who in KEYS.items()])
META = "io.modelcontextprotocol/"


def key_of(who: Principal) -> tuple[bytes, bytes]:
    return (b"authorization", b"Bearer " + next(key for key, owner in KEYS.items() if owner is who))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Gateway]:
    """Servers `a` and `b`, both listed."""
    servers = {"a": workbench("a"), "b": workbench("b")}
    async with owned(open_house(tmp_path, servers, keyring=KEYRING)) as gateway:
        yield gateway


def message(method: str, params: dict[str, Any] | None = None, *, ident: object = 1, modern: bool = False) -> bytes:
    """A JSON-RPC message of one era; without an id where `ident` is None."""
    found: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if ident is not None:
        found["id"] = ident
    if modern:
        meta = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}
        params = {**(params or {}), "_meta": meta}
    if params is not None:
        found["params"] = params
    return json.dumps(found).encode()


def headers(method: str = "", name: str = "", *more: tuple[bytes, bytes], modern: bool = False) -> list[Any]:
    """What goes with `message`."""
    found = [
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
        (b"host", b"localhost:8080"),
        *more,
    ]
    if modern:
        found += [(b"mcp-protocol-version", b"2026-07-28"), (b"mcp-method", method.encode())]
        if name:
            found.append((b"mcp-name", name.encode()))
    return found


@pytest.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as group:
        yield group
