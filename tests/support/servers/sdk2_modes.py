"""The SDK's own server (2.x) over Streamable HTTP, answering both eras: `json` or `sse`, `stateless` or with sessions.

Run by `.venv/bin/python`; listens on a free loopback port and says which on standard error as `LISTENING port`.
"""

import socket
import sys

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("modes")


@server.tool()
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


@server.tool()
async def count(steps: int, ctx: Context) -> str:
    """Reports progress at every step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps)
    return f"counted to {steps}"


@server.tool()
async def sleep(seconds: float) -> str:
    """Waits."""
    print("ASLEEP", file=sys.stderr, flush=True)
    await anyio.sleep(seconds)
    return "awake"


if __name__ == "__main__":
    bound = socket.create_server(("127.0.0.1", 0))
    print(f"LISTENING {bound.getsockname()[1]}", file=sys.stderr, flush=True)
    app = server.streamable_http_app(json_response="json" in sys.argv, stateless_http="stateless" in sys.argv)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run(sockets=[bound])
