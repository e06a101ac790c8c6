"""The runs of the suite that are compared: each everything server direct, and through one gateway that has both."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.endpoint import LEGACY as LEGACY_ERA
from tests.bench.endpoint import Endpoint, NoResultError
from tests.conformance import suite
from tests.conformance.compare import Comparison, compare, known
from tests.conformance.everything import STARTUP, Everything
from tests.conformance.header_proxy import adding_headers
from tests.conformance.suite import Results
from tests.support.gateway import KEY, Gateway, running_gateway


@contextmanager
def gateway_with(servers: Mapping[Everything, int], *, edge: bool) -> Iterator[Gateway]:
    """A gateway that has `servers` (with their ports), all listed; with nginx in front if `edge`."""
    config = {server.name: {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"} for server, port in servers.items()}
    with running_gateway({"mcpServers": config}, keys={KEY: "conformance"}, edge=edge) as gateway:
        for server in servers:
            wait_until_listed(gateway, server)
        yield gateway


def wait_until_listed(gateway: Gateway, server: Everything) -> None:
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


def path_of(server: Everything) -> str:
    """The server's own endpoint, where names carry no prefix: the suite's are fixed."""
    return f"/servers/{server.name}/mcp"


async def direct(server: Everything, port: int, revision: str, folder: Path) -> Results:
    return await suite.run(f"http://127.0.0.1:{port}/mcp", revision, folder / f"direct-{server.name}-{revision}")


async def through(gateway: Gateway, server: Everything, revision: str, folder: Path) -> Results:
    async with adding_headers(gateway.port, {"Authorization": f"Bearer {gateway.key}"}) as port:
        url = f"http://127.0.0.1:{port}{path_of(server)}"
        return await suite.run(url, revision, folder / f"gateway-{server.name}-{revision}")


async def compared(server: Everything, port: int, gateway: Gateway, revision: str, folder: Path) -> Comparison:
    """One revision, direct and then through the gateway; `port` is the server's own."""
    bare = await direct(server, port, revision, folder)
    ours = await through(gateway, server, revision, folder)
    return compare(revision, suite.required(revision), bare, ours, known(revision))
