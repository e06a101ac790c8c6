"""An SDK server (2.x) whose lists grow: `grow` adds a tool, `mark` a prompt; both say so, in whichever way is heard.

`stdio`, or `http` on a free loopback port, said on standard error as `LISTENING port`. Run by `.venv/bin/python`.
"""

import sys

from everyday import listen
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts import Prompt

server = MCPServer("growing")


@server.tool()
async def grow(name: str, ctx: Context, announcements: int = 1) -> str:
    """Adds a tool of that name, unless it is there, and announces it so often."""
    if name not in [tool.name for tool in await server.list_tools()]:
        server.add_tool(lambda: name, name=name, description="grown")
    for _ in range(announcements):
        await ctx.notify_tools_changed()
        if str(ctx.request_context.protocol_version) < "2026":
            await ctx.session.send_tool_list_changed()
    return name


@server.tool()
async def mark(name: str, ctx: Context) -> str:
    """Adds a prompt of that name and announces it."""
    server.add_prompt(Prompt.from_function(lambda: name, name=name, description="grown"))
    await ctx.notify_prompts_changed()
    if str(ctx.request_context.protocol_version) < "2026":
        await ctx.session.send_prompt_list_changed()
    return name


if __name__ == "__main__":
    if "stdio" in sys.argv:
        server.run("stdio")
    else:
        listen(server.streamable_http_app())
