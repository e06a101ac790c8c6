"""The runs of the suite that are compared: each everything server through one gateway that has all, beside a bare one.

A twin of one era cannot be run bare by the other era's client: its runs stand beside the SDK's server of both.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.endpoint import LEGACY as LEGACY_ERA
from tests.bench.endpoint import Endpoint, NoResultError
from tests.conformance import suite
from tests.conformance.compare import Comparison, compare, known
from tests.conformance.everything import MODERN, STARTUP, Everything, Server
from tests.conformance.header_proxy import adding_headers
from tests.conformance.suite import Results
from tests.support.gateway import KEY, Gateway, running_gateway


@contextmanager
def gateway_with(servers: Mapping[Server, int], *, edge: bool) -> Iterator[Gateway]:
    """A gateway that has `servers` (with their ports), all listed; with nginx in front if `edge`."""
    config = {server.name: {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"} for server, port in servers.items()}
    with running_gateway({"mcpServers": config}, keys={KEY: "conformance"}, edge=edge) as gateway:
        for server in servers:
            wait_until_listed(gateway, server)
        yield gateway


def wait_until_listed(gateway: Gateway, server: Server) -> None:
    endpoint = Endpoint(gateway.port, LEGACY_ERA, path_of(server), gateway.key)
    deadline = time.monotonic() + STARTUP
    seen = "nothing"
    while time.monotonic() < deadline:
        try:
            if endpoint.opened().tools():
                return
        except (OSError, NoResultError) as error:
            seen = str(error)
        time.sleep(0.05)
    raise RuntimeError(f"{server.name} was not listed: {seen}\n{gateway.log()[-3000:]}")


def path_of(server: Server) -> str:
    """The server's own endpoint, where names carry no prefix: the suite's are fixed."""
    return f"/servers/{server.name}/mcp"


async def direct(server: Everything, port: int, revision: str, folder: Path) -> Results:
    return await suite.run(f"http://127.0.0.1:{port}/mcp", revision, folder / f"direct-{server.name}-{revision}")


async def through(gateway: Gateway, server: Server, revision: str, folder: Path) -> Results:
    async with adding_headers(gateway.port, {"Authorization": f"Bearer {gateway.key}"}) as port:
        url = f"http://127.0.0.1:{port}{path_of(server)}"
        return await suite.run(url, revision, folder / f"gateway-{server.name}-{revision}")


@dataclass
class Bare:
    """The results of the bare servers, each revision once; `ports` are the servers' own."""

    ports: Mapping[Server, int]
    folder: Path
    found: dict[tuple[Everything, str], Results] = field(default_factory=dict)

    async def of(self, server: Server, revision: str) -> Results:
        bare = server if isinstance(server, Everything) else MODERN
        if (bare, revision) not in self.found:
            self.found[bare, revision] = await direct(bare, self.ports[bare], revision, self.folder)
        return self.found[bare, revision]


async def compared(server: Server, bare: Bare, gateway: Gateway, revision: str) -> Comparison:
    """One revision, bare and then through the gateway."""
    direct = await bare.of(server, revision)
    ours = await through(gateway, server, revision, bare.folder)
    return compare(revision, suite.required(revision), direct, ours, known(server.name, revision))
