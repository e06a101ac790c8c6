"""A server written with the SDK's own `MCPServer` (2.x), over Streamable HTTP, answering both eras on one URL.

Run by `.venv/bin/python`; listens on a free loopback port and says which on standard error as `LISTENING port`.
"""

import socket
import sys

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("sdk2", instructions="A server of the second SDK generation.")
journal: list[str] = []


@server.tool()
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


@server.tool()
async def count(steps: int, ctx: Context) -> str:
    """Reports progress at every step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
    return f"counted to {steps}"


@server.tool()
async def era(ctx: Context) -> str:
    """The revision this very request was served in."""
    return str(ctx.request_context.protocol_version)


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
def sdk2_greeting(name: str) -> str:
    """A greeting."""
    return f"Greet {name}."


@server.resource("sdk2://facts")
def facts() -> str:
    """A fixed resource."""
    return "sdk2 facts"


@server.resource("sdk2://square/{number}")
def square(number: int) -> str:
    """A templated resource."""
    return str(number * number)


if __name__ == "__main__":
    bound = socket.create_server(("127.0.0.1", 0))
    print(f"LISTENING {bound.getsockname()[1]}", file=sys.stderr, flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[bound])
