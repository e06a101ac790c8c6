"""A legacy stdio MCP server with one tool for each thing a relay can get wrong. It speaks the wire itself: stdlib only.

Environment: WORKBENCH_NAME (told by `whoami`), WORKBENCH_PAGE (items per list page; all at once without it),
WORKBENCH_GATE (a path: `initialize` is answered once it exists; that it waits is told by one that ends in `.knocked`),
WORKBENCH_SERVES (comma-separated capabilities, all without it). Every message it receives is answered from one loop, so
its journal is in wire order.
"""

import json
import os
import sys
import time

NAME = os.environ.get("WORKBENCH_NAME", "workbench")
PAGE = int(os.environ.get("WORKBENCH_PAGE", "0"))
GATE = os.environ.get("WORKBENCH_GATE", "")
SERVES = [part for part in os.environ.get("WORKBENCH_SERVES", "tools,prompts,resources,completions").split(",") if part]
LONG = "a_name_of_eighty_characters_" + "x" * 52
# Written as text: a relay that decodes and encodes again changes at least one of these.
UNTOUCHED = (
    '{"float":1.0,"exponent":1e2,"big":123456789012345678901234567890,"escaped":"\\u00e9\\/","order":{"b":1,"a":2},'
    '"null":null,"empty":{}}'
)
OBJECT = {"type": "object"}

Json = dict[str, object]


def tool(name: str, **more: object) -> Json:
    return {"name": name, "description": f"{name} of the workbench", "inputSchema": OBJECT, **more}


TOOLS: list[Json] = [
    tool("mirror", title="Mirror", annotations={"readOnlyHint": True, "vendorHint": [1]}, vendor={"x": 1.0}),
    tool("sized"),
    tool("count"),
    tool("hold"),
    tool("release"),
    tool("journal"),
    tool("whoami"),
    tool("crash"),
    tool("fail"),
    tool("error"),
    tool("dotted.name"),
    tool("dotted_name"),
    tool("spaced name"),
    tool("café"),
    tool("workbench_job"),
    tool("Case"),
    tool("case"),
    tool(LONG),
]
PROMPTS: list[Json] = [
    {"name": "greet", "title": "Greet", "arguments": [{"name": "who", "required": True}], "vendor": 1},
    {"name": "odd.prompt"},
    {"name": "farewell"},
]
RESOURCES: list[Json] = [
    {"uri": f"workbench://{NAME}/one", "name": "one", "mimeType": "text/plain", "vendor": True},
    {"uri": f"workbench://{NAME}/two", "name": "two"},
    {"uri": "workbench://shared", "name": "shared"},
]
TEMPLATES: list[Json] = [
    {"uriTemplate": f"workbench://{NAME}/item/{{id}}", "name": "item"},
    {"uriTemplate": f"workbench://{NAME}/file/{{+path}}", "name": "file"},
]

journal: list[str] = []
# label -> request ids that wait for `release`
held: dict[str, list[object]] = {}


def write(text: str) -> None:
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def answer(ident: object, result: Json) -> None:
    write(json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}))


def refuse(ident: object, code: int, message: str, data: object = None) -> None:
    error: Json = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    write(json.dumps({"jsonrpc": "2.0", "id": ident, "error": error}))


def text(ident: object, value: str) -> None:
    answer(ident, {"content": [{"type": "text", "text": value}]})


def mirror(ident: object, line: str) -> None:
    """Tells the request as it arrived, in a result full of what no relay knows."""
    content = json.dumps([{"type": "text", "text": line, "vendor": {"a": [1]}}, {"type": "vendor/unknown", "x": 1}])
    write(
        f'{{"jsonrpc":"2.0","id":{json.dumps(ident)},"result":{{"content":{content},'
        f'"structuredContent":{UNTOUCHED},"_meta":{{"vendor/key":{UNTOUCHED}}},"vendorField":{UNTOUCHED}}}}}'
    )


def call(ident: object, params: Json, line: str) -> None:
    arguments: Json = params.get("arguments") or {}  # type: ignore[assignment]
    label = str(arguments.get("label", ""))
    match params.get("name"):
        case "mirror":
            mirror(ident, line)
        case "sized":
            text(ident, label + "." * (int(str(arguments["size"])) - len(label)))
        case "count":
            token = (params.get("_meta") or {}).get("progressToken")  # type: ignore[attr-defined]
            for step in range(1, int(str(arguments["steps"])) + 1):
                if token is not None:
                    notice = {"progressToken": token, "progress": step, "message": label, "vendor": 1.0}
                    write(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": notice}))
            text(ident, f"{label} counted")
        case "hold":
            journal.append(f"started {label}")
            held.setdefault(label, []).append(ident)
            token = (params.get("_meta") or {}).get("progressToken")  # type: ignore[attr-defined]
            if token is not None:
                notice = {"progressToken": token, "progress": 1, "message": label}
                write(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": notice}))
        case "release":
            for waiting in held.pop(label, []):
                journal.append(f"finished {label}")
                text(waiting, f"released {label}")
            text(ident, "released")
        case "journal":
            text(ident, json.dumps(journal))
        case "whoami":
            answer(ident, {"content": [{"type": "text", "text": f"{NAME} {os.getpid()}"}]})
        case "crash":
            os._exit(3)
        case "fail":
            answer(ident, {"content": [{"type": "text", "text": "it failed"}], "isError": True})
        case "error":
            refuse(ident, -31999, "the workbench refuses", {"vendor": [1.0, {"deep": None}]})
        case name if any(name == listed["name"] for listed in TOOLS):
            text(ident, f"{NAME} ran {name}")
        case name:
            refuse(ident, -32602, f"Unknown tool: {name}")


def page(kind: str, items: list[Json], params: Json) -> Json:
    if not PAGE:
        return {kind: items}
    # The empty string is a cursor like any other: the second page's.
    cursor = params.get("cursor")
    start = 0 if cursor is None else PAGE if cursor == "" else int(str(cursor))
    result: Json = {kind: items[start : start + PAGE]}
    if start + PAGE < len(items):
        result["nextCursor"] = "" if start == 0 else str(start + PAGE)
    return result


def handshake(ident: object, params: Json) -> None:
    if GATE:
        open(f"{GATE}.knocked", "w").close()
    while GATE and not os.path.exists(GATE):
        time.sleep(0.01)
    capabilities = {name: {} for name in SERVES}
    answer(
        ident,
        {
            "protocolVersion": params.get("protocolVersion", "2025-11-25"),
            "capabilities": capabilities,
            "serverInfo": {"name": NAME, "version": "1"},
            "instructions": f"How to use {NAME}.",
        },
    )


def prompt(ident: object, params: Json) -> None:
    if not any(params.get("name") == listed["name"] for listed in PROMPTS):
        refuse(ident, -32602, f"Unknown prompt: {params.get('name')}")
        return
    said = f"{NAME} {params['name']} {json.dumps(params.get('arguments', {}))}"
    answer(ident, {"messages": [{"role": "user", "content": {"type": "text", "text": said}}], "vendor": 1.0})


def read(ident: object, params: Json) -> None:
    uri = str(params.get("uri"))
    known = any(uri == listed["uri"] for listed in RESOURCES)
    if not known and not uri.startswith((f"workbench://{NAME}/item/", f"workbench://{NAME}/file/")):
        refuse(ident, -32002, "Resource not found", {"uri": uri})
        return
    answer(ident, {"contents": [{"uri": uri, "mimeType": "text/plain", "text": f"{NAME} holds {uri}", "vendor": 1.0}]})


def complete(ident: object, params: Json) -> None:
    value = str(params["argument"]["value"])  # type: ignore[index]
    answer(ident, {"completion": {"values": [f"{value}!", json.dumps(params["ref"])], "hasMore": False, "vendor": 1.0}})


def receive(line: str) -> None:
    message: Json = json.loads(line)
    ident, params = message.get("id"), message.get("params") or {}
    assert isinstance(params, dict)
    match message.get("method"):
        case "initialize":
            handshake(ident, params)
        case "ping":
            answer(ident, {})
        case "tools/list":
            answer(ident, page("tools", TOOLS, params))
        case "prompts/list":
            answer(ident, page("prompts", PROMPTS, params))
        case "resources/list":
            answer(ident, page("resources", RESOURCES, params))
        case "resources/templates/list":
            answer(ident, page("resourceTemplates", TEMPLATES, params))
        case "tools/call":
            call(ident, params, line.rstrip("\n"))
        case "prompts/get":
            prompt(ident, params)
        case "resources/read":
            read(ident, params)
        case "completion/complete":
            complete(ident, params)
        case "notifications/cancelled":
            for label, waiting in held.items():
                if params.get("requestId") in waiting:
                    waiting.remove(params["requestId"])
                    journal.append(f"cancelled {label}")
        case method if ident is not None and method is not None:
            refuse(ident, -32601, f"Method not found: {method}")


if __name__ == "__main__":
    for received in sys.stdin:
        receive(received)
