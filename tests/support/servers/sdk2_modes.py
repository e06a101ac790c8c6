"""The SDK's own server (2.x) over Streamable HTTP, answering both eras: `json` or `sse`, `stateless` or with sessions.

Run by `.venv/bin/python`; listens on a free loopback port and says which on standard error as `LISTENING port`.
"""

import sys

import anyio
from everyday import furnish, listen
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("modes")


@server.tool()
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


furnish(server, Context)


@server.tool()
async def sleep(seconds: float) -> str:
    """Waits."""
    print("ASLEEP", file=sys.stderr, flush=True)
    await anyio.sleep(seconds)
    return "awake"


if __name__ == "__main__":
    listen(server.streamable_http_app(json_response="json" in sys.argv, stateless_http="stateless" in sys.argv))
