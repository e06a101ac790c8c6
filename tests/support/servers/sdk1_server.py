"""A server written with the first SDK generation (1.30), over HTTP+SSE (`sse`) or Streamable HTTP (`http`).

Run by `.testenv/sdk1/bin/python`, whose packages are locked in `tests/locks/sdk1.txt`; listens on a free loopback port
and says which on standard error as `LISTENING port`.
"""

import socket
import sys

import anyio
import uvicorn
from mcp.server.fastmcp import Context, FastMCP

server = FastMCP("sdk1", instructions="A server of the first SDK generation.")
journal: list[str] = []


@server.tool()
def multiply(a: int, b: int) -> int:
    """The product of two numbers."""
    return a * b


@server.tool()
async def count(steps: int, ctx: Context) -> str:
    """Reports progress at every step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
    return f"counted to {steps}"


@server.tool()
async def hold(label: str) -> str:
    """Never ends by itself; the journal says how it ended."""
    journal.append(f"started {label}")
    try:
        await anyio.sleep_forever()
    finally:
        journal.append(f"cancelled {label}")
    return label


@server.tool()
def read_journal() -> str:
    """What happened to the held calls."""
    return " | ".join(journal)


@server.tool()
def big(size: int, label: str) -> str:
    """A text of that size which begins with the label."""
    return label + "." * (size - len(label))


@server.prompt()
def sdk1_greeting(name: str) -> str:
    """A greeting."""
    return f"Greet {name}."


@server.resource(f"sdk1://{sys.argv[1]}/facts")
def facts() -> str:
    """A fixed resource."""
    return f"sdk1 facts over {sys.argv[1]}"


@server.resource(f"sdk1://{sys.argv[1]}/cube/{{number}}")
def cube(number: str) -> str:
    """A templated resource."""
    return str(int(number) ** 3)


if __name__ == "__main__":
    app = server.sse_app() if sys.argv[1] == "sse" else server.streamable_http_app()
    bound = socket.create_server(("127.0.0.1", 0))
    print(f"LISTENING {bound.getsockname()[1]}", file=sys.stderr, flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[bound])
