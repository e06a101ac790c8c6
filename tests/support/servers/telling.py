"""An SDK server (2.x) that tells: `touch` changes a resource, `say` logs; in whichever way its client's era has.

`stdio`, or `http` on a free loopback port, said on standard error as `LISTENING port`; `deaf`: without resource
subscriptions. `heard` tells what it was asked to tell of; `hold` never ends by itself (`everyday.py`). Run by
`.venv/bin/python`.
"""

import json
import sys
import warnings
from typing import Any

import mcp_types as types
from everyday import furnish, listen
from mcp.server.mcpserver import Context, MCPServer

warnings.simplefilter("ignore")
server = MCPServer("telling", subscriptions=False if "deaf" in sys.argv else None)
journal: list[str] = []
subscribed: dict[str, list[Any]] = {}
level = ["debug"]
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@server.resource("telling://one")
def one() -> str:
    return "one"


@server.resource("telling://two")
def two() -> str:
    return "two"


@server.resource("telling://three")
def three() -> str:
    return "three"


@server.tool()
async def touch(uri: str, ctx: Context) -> str:
    """Says that the resource has changed."""
    if "deaf" not in sys.argv:
        await ctx.notify_resource_updated(uri)
    for session in subscribed.get(uri, []):
        await session.send_resource_updated(uri)
    return uri


@server.tool()
async def say(text: str, ctx: Context, times: int = 1) -> str:
    """Logs at every level there is, from the lowest to the highest."""
    for _ in range(times):
        for each in LEVELS:
            modern = str(ctx.request_context.protocol_version) >= "2026"
            if modern or LEVELS.index(each) >= LEVELS.index(level[0]):
                await ctx.log(each, {"said": text}, logger_name="inner")
    return text


@server.tool()
async def heard() -> str:
    """What it was asked to tell of, as JSON."""
    return json.dumps(journal)


furnish(server, Context)


async def subscribe(ctx: Any, params: types.SubscribeRequestParams) -> types.EmptyResult:
    journal.append(f"subscribe {params.uri}")
    subscribed.setdefault(str(params.uri), []).append(ctx.session)
    return types.EmptyResult()


async def unsubscribe(_: Any, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
    journal.append(f"unsubscribe {params.uri}")
    subscribed.pop(str(params.uri), None)
    return types.EmptyResult()


async def set_level(_: Any, params: types.SetLevelRequestParams) -> types.EmptyResult:
    journal.append(f"level {params.level}")
    level[0] = params.level
    return types.EmptyResult()


if __name__ == "__main__":
    below = server._lowlevel_server
    if "deaf" not in sys.argv:
        below.add_request_handler("resources/subscribe", types.SubscribeRequestParams, subscribe)
        below.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, unsubscribe)
    below.add_request_handler("logging/setLevel", types.SetLevelRequestParams, set_level)
    if "stdio" in sys.argv:
        server.run("stdio")
    else:
        listen(server.streamable_http_app())
