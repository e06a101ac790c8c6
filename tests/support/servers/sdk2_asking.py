"""A server written with the SDK's own `MCPServer` (2.x) that asks its client for input; over HTTP, or over `stdio`.

Run by `.venv/bin/python`; over HTTP it listens on a free loopback port, named on standard error as `LISTENING port`.
"""

import json
import sys

from everyday import listen
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    SamplingMessage,
    TextContent,
)

server = MCPServer("asking")


def question(message: str) -> ElicitRequest:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def answered(ctx: Context, key: str) -> str | None:
    answer = (ctx.input_responses or {}).get(key)
    return str(answer.content["text"]) if isinstance(answer, ElicitResult) and answer.content else None


@server.tool()
async def greet(greeting: str, ctx: Context) -> str | InputRequiredResult:
    """Asks for a name once, and keeps no state."""
    name = answered(ctx, "name")
    if name is None:
        return InputRequiredResult(input_requests={"name": question("Your name?")})
    return f"{greeting}, {name}! state {ctx.request_state}"


@server.tool()
async def journey(start: str, ctx: Context) -> str | InputRequiredResult:
    """Asks for three stops, one after the other, and keeps those it knows in its state."""
    stops = json.loads(ctx.request_state) if ctx.request_state else []
    stop = answered(ctx, "stop")
    if stop is not None:
        stops.append(stop)
    if len(stops) < 3:
        return InputRequiredResult(
            input_requests={"stop": question(f"Stop {len(stops) + 1}?")}, request_state=json.dumps(stops)
        )
    return " ".join([start, *stops])


@server.tool()
async def compose(ctx: Context) -> str | InputRequiredResult:
    """Asks for a text and for a name at once."""
    text = (ctx.input_responses or {}).get("text")
    if text is None:
        asked = SamplingMessage(role="user", content=TextContent(type="text", text="Write"))
        sampling = CreateMessageRequest(params=CreateMessageRequestParams(messages=[asked], max_tokens=5))
        return InputRequiredResult(input_requests={"text": sampling, "name": question("Your name?")})
    return f"{text.content.text} {answered(ctx, 'name')}"  # type: ignore[union-attr]


@server.tool()
async def visit(ctx: Context) -> str | InputRequiredResult:
    """Sends its user to an address."""
    if ctx.input_responses:
        return f"visited {ctx.input_responses['visit'].action}"  # type: ignore[union-attr]
    go = ElicitRequestURLParams(mode="url", message="Log in", url="https://login.example/")
    return InputRequiredResult(input_requests={"visit": ElicitRequest(params=go)})


@server.tool()
async def staged(ctx: Context) -> str | InputRequiredResult:
    """Makes progress before it asks, and after it was told."""
    name = answered(ctx, "name")
    await ctx.report_progress(1 if name is None else 2)
    return name or InputRequiredResult(input_requests={"name": question("Your name?")})


@server.tool()
async def endless(ctx: Context) -> InputRequiredResult:
    """Is never content."""
    rounds = int(ctx.request_state or 0) + 1
    return InputRequiredResult(input_requests={"more": question(f"Round {rounds}?")}, request_state=str(rounds))


@server.tool()
async def patience(ctx: Context) -> str | InputRequiredResult:
    """Asks nothing but to be called again, twice."""
    rounds = int(ctx.request_state or 0)
    return f"called {rounds + 1} times" if rounds == 2 else InputRequiredResult(request_state=str(rounds + 1))


@server.tool()
def declared(ctx: Context) -> str:
    """What this very request says that the client can do."""
    capabilities = ctx.client_capabilities
    return json.dumps(capabilities.model_dump(by_alias=True, exclude_none=True) if capabilities else None)


@server.prompt()
async def asking_prompt(ctx: Context) -> str | InputRequiredResult:
    """Asks for a topic."""
    topic = answered(ctx, "topic")
    return f"Write about {topic}." if topic else InputRequiredResult(input_requests={"topic": question("Topic?")})


@server.resource("asking://{name}")
async def asking_resource(name: str, ctx: Context) -> str | InputRequiredResult:
    """Asks for a word before it is read."""
    word = answered(ctx, "word")
    return f"{name} {word}" if word else InputRequiredResult(input_requests={"word": question("Word?")})


if __name__ == "__main__":
    if "stdio" in sys.argv:
        server.run("stdio")
        sys.exit()
    listen(server.streamable_http_app())
