"""The runs of the suite that are compared: each everything server direct, and through one gateway that has both."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import suite
from tests.conformance.compare import Comparison, absent, compare
from tests.conformance.everything import Everything
from tests.conformance.header_proxy import adding_headers
from tests.conformance.suite import Results


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway that has the servers in its config: its port here, and a key it takes."""

    port: int
    key: str


@asynccontextmanager
async def scratch(kept: Path | None) -> AsyncIterator[Path]:
    """Where the suite writes: `kept`, or a folder that is gone at the end."""
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        yield Path(name)


async def direct(server: Everything, port: int, revision: str, folder: Path) -> Results:
    return await suite.run(f"http://127.0.0.1:{port}/mcp", revision, folder / f"direct-{server.name}-{revision}")


async def through(gateway: Gateway, server: Everything, revision: str, folder: Path) -> Results:
    """The suite against the server's own endpoint of the gateway, where names carry no prefix."""
    async with adding_headers(gateway.port, {"Authorization": f"Bearer {gateway.key}"}) as port:
        url = f"http://127.0.0.1:{port}/servers/{server.name}/mcp"
        return await suite.run(url, revision, folder / f"gateway-{server.name}-{revision}")


async def compared(server: Everything, port: int, gateway: Gateway, revision: str, folder: Path) -> Comparison:
    """One revision, direct and then through the gateway; `port` is the server's own."""
    bare = await direct(server, port, revision, folder)
    ours = await through(gateway, server, revision, folder)
    return compare(revision, suite.required(revision), bare, ours, absent(revision))
