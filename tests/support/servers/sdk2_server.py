"""A server written with the SDK's own `MCPServer` (2.x), over Streamable HTTP, answering both eras on one URL.

Run by `.venv/bin/python`; listens on a free loopback port and says which on standard error as `LISTENING port`.
"""

from everyday import furnish, listen
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("sdk2", instructions="A server of the second SDK generation.")


@server.tool()
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


furnish(server, Context)


@server.tool()
async def era(ctx: Context) -> str:
    """The revision this very request was served in."""
    return str(ctx.request_context.protocol_version)


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
    listen(server.streamable_http_app())
