"""The FastMCP client: lists everything and makes the calls of the plan, then prints a report as JSON.

Run by `.testenv/client-fastmcp/bin/python`. Environment: ENDPOINT, KEY, PLAN, as `typescript.mjs` describes.
"""

import asyncio
import json
import os

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport


async def main() -> None:
    plan = json.loads(os.environ["PLAN"])
    transport = StreamableHttpTransport(os.environ["ENDPOINT"], auth=os.environ["KEY"])
    async with Client(transport) as client:
        report = {
            "tools": [item.name for item in await client.list_tools()],
            "prompts": [item.name for item in await client.list_prompts()],
            "resources": [str(item.uri) for item in await client.list_resources()],
            "templates": [item.uri_template for item in await client.list_resource_templates()],
            "calls": [(await client.call_tool(name, args)).content[0].text for name, args in plan["calls"]],
            "gets": [(await client.get_prompt(name, args)).messages[0].content.text for name, args in plan["prompts"]],
            "reads": [(await client.read_resource(uri))[0].text for uri in plan["resources"]],
        }
    print(json.dumps(report))


asyncio.run(main())
