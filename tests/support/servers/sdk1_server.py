"""A server written with the first SDK generation (1.30), over HTTP+SSE (`sse`) or Streamable HTTP (`http`).

Run by `.testenv/sdk1/bin/python`, whose packages are locked in `tests/locks/sdk1.txt`; listens on a free loopback port
and says which on standard error as `LISTENING port`.
"""

import sys

from everyday import furnish, listen
from mcp.server.fastmcp import Context, FastMCP

server = FastMCP("sdk1", instructions="A server of the first SDK generation.")


@server.tool()
def multiply(a: int, b: int) -> int:
    """The product of two numbers."""
    return a * b


furnish(server, Context)


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
    listen(server.sse_app() if sys.argv[1] == "sse" else server.streamable_http_app())
