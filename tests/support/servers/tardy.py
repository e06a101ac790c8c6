"""A legacy stdio MCP server that answers a call only when it is cancelled: once late, and once more. Stdlib only.

`journal` tells at once which methods it was sent.
"""

import json
import sys

seen: list[str] = []


def answer(ident: object, result: dict[str, object]) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}), flush=True)


def said(words: str) -> dict[str, object]:
    return {"content": [{"type": "text", "text": words}]}


for line in sys.stdin:
    message = json.loads(line)
    ident, params = message.get("id"), message.get("params", {})
    seen.append(message.get("method"))
    match message.get("method"):
        case "initialize":
            version = params["protocolVersion"]
            server = {"name": "tardy", "version": "1"}
            answer(ident, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server})
        case "tools/list":
            answer(
                ident, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("late", "journal")]}
            )
        case "tools/call" if params["name"] == "journal":
            answer(ident, said(json.dumps(seen)))
        case "notifications/cancelled":
            for _ in range(2):
                answer(params["requestId"], said("too late"))
        case "ping":
            answer(ident, {})
