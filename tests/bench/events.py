"""What nginx adds to the way of an event: from the app's hand to the client's, with nginx in front and without."""

import socket
import statistics
import time
from dataclasses import dataclass

from tests.support.gateway import Gateway, running_gateway

TICKER = "tests.bench.ticker:create_app"


@dataclass(frozen=True, slots=True)
class Events:
    """Milliseconds, medians over the runs."""

    direct_p50: float
    direct_p99: float
    nginx_p50: float
    nginx_p99: float

    @property
    def added(self) -> float:
        return self.nginx_p50 - self.direct_p50


def events(runs: int, count: int) -> Events:
    """Streams of `count` events in turn, so that both meet the same machine."""
    with (
        running_gateway({"mcpServers": {}}, app=TICKER) as direct,
        running_gateway({"mcpServers": {}}, app=TICKER, edge=True) as behind,
    ):
        taken = [(latencies(direct, count), latencies(behind, count)) for _ in range(runs)]
    middles = [statistics.median(statistics.median(run[side]) for run in taken) for side in (0, 1)]
    tails = [statistics.median(statistics.quantiles(run[side], n=100)[98] for run in taken) for side in (0, 1)]
    return Events(middles[0], tails[0], middles[1], tails[1])


def latencies(gateway: Gateway, count: int) -> list[float]:
    """Milliseconds of each event of one stream; the first ones, which open everything, are left out."""
    found: list[float] = []
    with socket.create_connection((gateway.host, gateway.port), 10) as wire:
        wire.sendall(f"GET /mcp?{count} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        rest = b""
        while piece := wire.recv(65536):
            now = time.monotonic_ns()
            *lines, rest = (rest + piece).split(b"\n")
            found += [(now - int(line[6:])) / 1e6 for line in lines if line.startswith(b"data: ")]
    assert len(found) == count, f"{len(found)} of {count} events came"
    return found[10:]
