"""What is measured: calls to a stdio and an HTTP echo server, lists, memory at rest, a start with a hanging server.

Each run of calls is measured beside the upstream alone, moments before, so that a slow machine shows in both.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench import generator
from tests.bench.endpoint import LEGACY, MARK, MODERN, Endpoint
from tests.bench.gateway import HERE, Gateway, echo_http, echo_stdio, gateway
from tests.bench.generator import Measured
from tests.bench.processes import Reading, Tree, memory_mb, reading, tree, yardstick_ms

ERAS = (LEGACY, MODERN)
PAYLOAD = 256
START_LIMIT = 30.0
HANG = 30.0  # longer than any client waits


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: runs of each scenario, warm-up and recording seconds, and numbers of connections."""

    runs: int
    warm_up: float
    seconds: float
    connections: tuple[int, ...]


QUICK = Effort(1, 0.4, 1.2, (1, 32))
FULL = Effort(3, 1.0, 4.0, (1, 32))


@dataclass(frozen=True, slots=True)
class Row:
    """One measured run of one scenario, direct or through the gateway."""

    scenario: str
    era: str
    connections: int
    via: str
    measured: Measured
    rss_mb: float = 0
    yardstick_ms: float = 0


@dataclass(frozen=True, slots=True)
class Rest:
    """Memory of the gateway's own processes, in MB, once its servers are up and nobody has called yet."""

    rss_mb: float
    processes: int


@dataclass(frozen=True, slots=True)
class Start:
    """Ten stdio servers of which one hangs: seconds from the command to a list of all the others."""

    seconds: float
    good: int


def plan(endpoint: Endpoint, connections: int, method: str, tool: str = "") -> list[bytes]:
    """One request per connection, each on a session of its own; the needle is the request's number in the answer."""
    text = f"{MARK}:" + "x" * PAYLOAD
    params = {"name": tool, "arguments": {"text": text}} if tool else {}
    needle = f'"text":"{text}"' if tool else f'"id":{MARK}'
    requests = [endpoint.opened().request(method, params) for _ in range(connections)]
    return [b"", needle.encode(), *requests]


def pipe_plan(era: str, connections: int) -> list[bytes]:
    """The same calls for the stdio server itself, which has one client with so many requests in flight."""
    bare = Endpoint(0, era)
    params = {"name": "echo", "arguments": {"text": f"{MARK}:" + "x" * PAYLOAD}}
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    preface = "" if era == MODERN else bare.body("initialize", hello, 7) + "\n"
    line = (bare.body("tools/call", params) + "\n").encode()
    return [preface.encode(), f"{MARK}:".encode(), *[line] * connections]


def direct_call(kind: str, era: str, connections: int, effort: Effort, http: tuple[int, int]) -> Row:
    """The upstream alone; `http` is the pid and port of the HTTP echo server."""
    seconds = (effort.warm_up / 2, effort.seconds / 2)
    if kind == "http":
        pid, port = http
        requests = plan(Endpoint(port, era), connections, "tools/call", "echo")
        clocks: Callable[[int], Reading] = lambda _: reading(Tree((), ()), pid)  # noqa: E731
        measured = generator.drive(["http", "127.0.0.1", str(port)], requests, seconds, clocks)
    else:
        command = ["pipe", sys.executable, str(HERE / "echo_stdio.py")]
        measured = generator.drive(command, pipe_plan(era, connections), seconds, lambda pid: reading(tree(pid)))
    return Row(f"call-{kind}", era, connections, "direct", measured)


def through(
    app: Gateway, upstream: int, scenario: str, era: str, connections: int, *, effort: Effort, tool: str = ""
) -> Row:
    """One scenario through the gateway: calls of `tool`, or lists; `upstream` is the pid of the HTTP echo server."""
    requests = plan(app.endpoint(era), connections, "tools/call" if tool else "tools/list", tool)
    root = app.process.pid
    target = ["http", "127.0.0.1", str(app.port)]
    seconds = (effort.warm_up, effort.seconds)
    yardstick, running = yardstick_ms(), tree(root)
    measured = generator.drive(target, requests, seconds, lambda _: reading(running, upstream))
    return Row(scenario, era, connections, "gateway", measured, memory_mb(running.own), yardstick)


def calls(effort: Effort) -> Iterator[Row | Rest]:
    """Memory at rest, then calls to both echo servers in both eras, each beside the upstream alone."""
    with echo_http() as (server, port):
        servers = {"http": {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}, "stdio": echo_stdio()}
        with gateway(servers) as app:
            app.wait_for(4, START_LIMIT)
            time.sleep(1)  # what the start still had to do
            own = tree(app.process.pid).own
            yield Rest(memory_mb(own), len(own))
            for kind in ("stdio", "http"):
                for era in ERAS:
                    for connections in effort.connections:
                        for _ in range(effort.runs):
                            yield direct_call(kind, era, connections, effort, (server.pid, port))
                            tool = f"{kind}__echo"
                            name = f"call-{kind}"
                            yield through(app, server.pid, name, era, connections, effort=effort, tool=tool)


def lists(effort: Effort, servers: int = 20, tools: int = 25) -> Iterator[Row]:
    """Lists of `servers` times `tools` tools, on 1 and on 4 connections."""
    with echo_http(tools) as (server, port):
        config = {f"s{i:02d}": {"type": "http", "url": f"http://127.0.0.1:{port}/{i}/mcp"} for i in range(servers)}
        with gateway(config) as app:
            app.wait_for(servers * tools, START_LIMIT)
            for era in ERAS:
                for connections in (1, 4):
                    for _ in range(effort.runs):
                        yield through(app, server.pid, "list", era, connections, effort=effort)


def start(servers: int = 10, tools: int = 2, limit: float = START_LIMIT) -> Start:
    """The list of all good servers, from the moment of the command; no catalog is known before."""
    good = {f"good{i}": echo_stdio("--tools", str(tools)) for i in range(servers - 1)}
    hanging = {"hanging": echo_stdio("--hang", str(HANG))}
    with gateway(dict(list(good.items())[:4]) | hanging | dict(list(good.items())[4:])) as app:
        return Start(app.wait_for(tools * len(good), limit), len(good))
