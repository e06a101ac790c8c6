"""What the servers written with either SDK generation have in common: their tools, and how they are served.

Imported by scripts that run beside it, with the packages of whichever generation; so it imports neither.
"""

import socket
import sys
from typing import Any

import anyio
import uvicorn


def furnish(server: Any, context: type) -> None:
    """Gives an `MCPServer` or a `FastMCP` the tools that tests of a whole call need."""
    journal: list[str] = []

    async def count(steps: int, ctx: Any) -> str:
        """Reports progress at every step."""
        for step in range(1, steps + 1):
            await ctx.report_progress(step, steps, f"step {step}")
        return f"counted to {steps}"

    # The SDKs find the argument that is theirs by its type.
    count.__annotations__["ctx"] = context

    async def hold(label: str) -> str:
        """Never ends by itself; the journal says how it ended."""
        journal.append(f"started {label}")
        try:
            await anyio.sleep_forever()
        finally:
            journal.append(f"cancelled {label}")
        return label

    def read_journal() -> str:
        """What happened to the held calls."""
        return " | ".join(journal)

    def big(size: int, label: str) -> str:
        """A text of that size which begins with the label."""
        return label + "." * (size - len(label))

    for tool in (count, hold, read_journal, big):
        server.tool()(tool)


def listen(app: Any) -> None:
    """Serves on a free loopback port and says which on standard error."""
    bound = socket.create_server(("127.0.0.1", 0))
    print(f"LISTENING {bound.getsockname()[1]}", file=sys.stderr, flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[bound])
