"""The tools, prompts and resources that the official suite looks for, for servers of either era.

Knows no wire: how a client is asked and told of something is the `Client`'s. A tool that asks is written once: where
the server may push, `ask` waits for the answers; where it may not, it raises, and the tool is run again with them.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Json = dict[str, Any]
Questions = dict[str, Json]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
TEMPLATE = "test://template/{id}/data"
_LISTED = {"listChanged": True}
CAPABILITIES: Json = {
    "tools": _LISTED,
    "prompts": _LISTED,
    "resources": {"subscribe": True, **_LISTED},
    "completions": {},
    "logging": {},
}


class Refused(Exception):
    """An error object, for the whole request."""

    def __init__(self, code: int, message: str, **data: Any) -> None:
        self.error: Json = {"code": code, "message": message, **({"data": data} if data else {})}


class Client(Protocol):
    """Whoever made the request."""

    def declares(self, capability: str) -> bool: ...
    async def ask(self, questions: Questions) -> Json: ...
    async def log(self, text: str) -> None: ...
    async def progress(self, reached: int) -> None: ...
    def changed(self, kind: str) -> None: ...


def text(said: str, **more: Any) -> Json:
    return {"content": [{"type": "text", "text": said}], **more}


def form(message: str, required: bool = True, **properties: Json) -> Json:
    wanted = {"required": list(properties)} if required else {}
    schema = {"type": "object", "properties": properties, **wanted}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def sampling(prompt: str, tokens: int = 100) -> Json:
    said = {"role": "user", "content": {"type": "text", "text": prompt}}
    return {"method": "sampling/createMessage", "params": {"messages": [said], "maxTokens": tokens}}


STRING: Json = {"type": "string"}
YES: Json = {"type": "boolean"}
ROOTS: Json = {"method": "roots/list", "params": {}}
NAME = form("What is your name?", name=STRING)
CONFIRM = form("Please confirm", ok=YES)
DEFAULTS = form(
    "Please provide user information",
    required=False,
    name={"type": "string", "default": "John Doe"},
    age={"type": "integer", "default": 30},
    score={"type": "number", "default": 95.5},
    status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    verified={"type": "boolean", "default": True},
)


def titled(**titles: str) -> list[Json]:
    return [{"const": const, "title": title} for const, title in titles.items()]


CHOICES = form(
    "Please select values using different enum schema types",
    untitledSingle={"type": "string", "enum": ["option1", "option2", "option3"]},
    titledSingle={"type": "string", "oneOf": titled(value1="First", value2="Second", value3="Third")},
    untitledMulti={"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    titledMulti={"type": "array", "items": {"anyOf": titled(value1="First", value2="Second", value3="Third")}},
    legacyEnum={"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]},
)

# What asks once and tells the answer.
ASKING: dict[str, Questions] = {
    "test_elicitation_sep1034_defaults": {"user": DEFAULTS},
    "test_elicitation_sep1330_enums": {"choices": CHOICES},
    "test_streaming_elicitation": {"word": form("The probe asks for a word", response=STRING)},
    "test_input_required_result_elicitation": {"user_name": NAME},
    "test_input_required_result_sampling": {"capital_question": sampling("What is the capital of France?")},
    "test_input_required_result_list_roots": {"client_roots": ROOTS},
    "test_input_required_result_request_state": {"confirm": CONFIRM},
    "test_input_required_result_tampered_state": {"confirm": CONFIRM},
    "test_input_required_result_multiple_inputs": {
        "user_name": NAME,
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": ROOTS,
    },
}

PLAIN: dict[str, Json] = {
    "test_simple_text": text("This is a simple text response for testing."),
    "test_image_content": {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}]},
    "test_audio_content": {"content": [{"type": "audio", "data": SILENCE, "mimeType": "audio/wav"}]},
    "test_embedded_resource": {
        "content": [
            {
                "type": "resource",
                "resource": {"uri": "test://embedded-resource", "mimeType": "text/plain", "text": "Embedded content."},
            }
        ]
    },
    "test_multiple_content_types": {
        "content": [
            {"type": "text", "text": "Multiple content types test:"},
            {"type": "image", "data": PIXEL, "mimeType": "image/png"},
            {
                "type": "resource",
                "resource": {"uri": "test://mixed-content-resource", "mimeType": "application/json", "text": "{}"},
            },
        ]
    },
    "test_reconnection": text("Reconnection test completed"),
    "json_schema_2020_12_tool": text("json_schema_2020_12_tool"),
    "test_error_handling": text("This tool intentionally returns an error for testing", isError=True),
}


async def with_logging(client: Client, _: Json) -> Json:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await client.log(said)
    return text("Logged.")


async def with_progress(client: Client, _: Json) -> Json:
    for reached in (0, 50, 100):
        await client.progress(reached)
    return text("Reported.")


async def sample(client: Client, arguments: Json) -> Json:
    answers = await client.ask({"sample": sampling(arguments["prompt"])})
    return text(f"LLM response: {answers['sample']['content']['text']}")


async def elicit(client: Client, arguments: Json) -> Json:
    answers = await client.ask({"user": form(arguments["message"], response=STRING)})
    answer = answers["user"]
    return text(f"User response: action={answer['action']}, content={json.dumps(answer.get('content'))}")


async def in_rounds(client: Client, _: Json) -> Json:
    first = await client.ask({"step1": form("Step 1: What is your name?", name=STRING)})
    second = await client.ask({"step2": form("Step 2: What is your favorite color?", color=STRING)})
    return text(f"{json.dumps(first['step1'])} likes {json.dumps(second['step2'])}.")


async def by_capability(client: Client, _: Json) -> Json:
    questions = {"sample": sampling("Say hello", 50)} if client.declares("sampling") else {}
    if client.declares("elicitation"):
        questions["ask"] = NAME
    return text(json.dumps(await client.ask(questions)))


async def needs_sampling(client: Client, _: Json) -> Json:
    await client.ask({"sample": sampling("Say hello")})
    return text("Client declared sampling capability.")


async def in_region(_: Client, arguments: Json) -> Json:
    return text(f"region={arguments.get('region')}")


async def logs_once(client: Client, _: Json) -> Json:
    await client.log("test_logging_tool ran")
    return text("Logged.")


async def change_tools(client: Client, _: Json) -> Json:
    client.changed("tools")
    return text("tool list changed")


async def change_prompts(client: Client, _: Json) -> Json:
    client.changed("prompts")
    return text("prompt list changed")


ACTING: dict[str, Callable[[Client, Json], Awaitable[Json]]] = {
    "test_tool_with_logging": with_logging,
    "test_tool_with_progress": with_progress,
    "test_sampling": sample,
    "test_elicitation": elicit,
    "test_input_required_result_multi_round": in_rounds,
    "test_input_required_result_capabilities": by_capability,
    "test_missing_capability": needs_sampling,
    "test_x_mcp_header": in_region,
    "test_logging_tool": logs_once,
    "test_trigger_tool_change": change_tools,
    "test_trigger_prompt_change": change_prompts,
}
SCHEMAS: dict[str, Json] = {
    "test_sampling": {"properties": {"prompt": STRING}, "required": ["prompt"]},
    "test_elicitation": {"properties": {"message": STRING}, "required": ["message"]},
    "test_x_mcp_header": {"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
    # Keywords of JSON Schema 2020-12, all of which have to come through.
    "json_schema_2020_12_tool": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": STRING}}},
        "properties": {
            "name": STRING,
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": STRING,
            "email": STRING,
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
}


def to_tool(name: str) -> Json:
    return {"name": name, "description": name, "inputSchema": {"type": "object", **SCHEMAS.get(name, {})}}


TOOLS = [to_tool(name) for name in (*PLAIN, *ACTING, *ASKING)]
RESOURCES = [
    {"uri": "test://static-text", "name": "static-text", "description": "Text", "mimeType": "text/plain"},
    {"uri": "test://static-binary", "name": "static-binary", "description": "Image", "mimeType": "image/png"},
    {"uri": "test://watched-resource", "name": "watched", "description": "Watched", "mimeType": "text/plain"},
]
PROMPTS = [
    {"name": name, "description": name, "arguments": [{"name": each, "required": True} for each in arguments]}
    for name, arguments in {
        "test_simple_prompt": (),
        "test_prompt_with_arguments": ("arg1", "arg2"),
        "test_prompt_with_embedded_resource": ("resourceUri",),
        "test_prompt_with_image": (),
        "test_input_required_result_prompt": (),
    }.items()
]


async def call(client: Client, params: Json) -> Json:
    """Answer `tools/call`."""
    name, arguments = params.get("name", ""), params.get("arguments") or {}
    if name in PLAIN:
        return PLAIN[name]
    if name in ACTING:
        return await ACTING[name](client, arguments)
    if name in ASKING:
        return text(f"state-ok: {json.dumps(await client.ask(ASKING[name]))}")
    raise Refused(-32602, f"Unknown tool: {name}")


def read(uri: str, missing: int) -> Json:
    """Answer `resources/read`; `missing` is the era's code for what is not there."""
    if uri.startswith("test://template/"):
        held = {"mimeType": "application/json", "text": json.dumps({"id": uri.split("/")[3]})}
    elif uri == "test://static-binary":
        held = {"mimeType": "image/png", "blob": PIXEL}
    elif uri in {resource["uri"] for resource in RESOURCES}:
        held = {"mimeType": "text/plain", "text": "This is the content of the static text resource."}
    else:
        raise Refused(missing, "Resource not found", uri=uri)
    return {"contents": [{"uri": uri, **held}]}


async def prompt(client: Client, params: Json) -> Json:
    """Answer `prompts/get`."""
    said = {"type": "text", "text": "This is a simple prompt for testing."}
    given = params.get("arguments") or {}
    match params.get("name"):
        case "test_simple_prompt":
            shown = [said]
        case "test_prompt_with_arguments":
            shown = [{"type": "text", "text": f"arg1='{given['arg1']}', arg2='{given['arg2']}'"}]
        case "test_prompt_with_embedded_resource":
            held = {"uri": given["resourceUri"], "mimeType": "text/plain", "text": "Embedded."}
            shown = [{"type": "resource", "resource": held}, said]
        case "test_prompt_with_image":
            shown = [{"type": "image", "data": PIXEL, "mimeType": "image/png"}, said]
        case "test_input_required_result_prompt":
            answers = await client.ask({"user_context": form("What context?", context=STRING)})
            shown = [{"type": "text", "text": f"Use the following context: {json.dumps(answers)}"}]
        case name:
            raise Refused(-32602, f"Unknown prompt: {name}")
    return {"messages": [{"role": "user", "content": content} for content in shown]}


async def answer(client: Client, method: str, params: Json, missing: int) -> Json:
    """Answer what both eras have."""
    match method:
        case "tools/list":
            return {"tools": TOOLS}
        case "resources/list":
            return {"resources": RESOURCES}
        case "resources/templates/list":
            return {
                "resourceTemplates": [{"uriTemplate": TEMPLATE, "name": "template", "mimeType": "application/json"}]
            }
        case "prompts/list":
            return {"prompts": PROMPTS}
        case "tools/call":
            return await call(client, params)
        case "prompts/get":
            return await prompt(client, params)
        case "resources/read":
            return read(params.get("uri", ""), missing)
        case "completion/complete":
            return {"completion": {"values": [], "total": 0, "hasMore": False}}
    raise Refused(-32601, f"Method not found: {method}")
