"""A legacy stdio MCP server that takes its time and does not want to end: stdlib only, speaks the wire itself.

It ignores the end of its input and SIGTERM, and so does a child it has in a session of its own. Tool `wait` answers
after `seconds`; tool `begin` sends one progress notification and never answers.
"""

import json
import os
import signal
import sys
import threading
import time

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("wait", "begin")]


def send(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def call(ident: object, name: str, arguments: dict[str, object], token: object) -> None:
    if name == "begin":
        send({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
        return
    time.sleep(float(str(arguments["seconds"])))
    send({"id": ident, "result": {"content": [{"type": "text", "text": "waited"}]}})


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    for line in sys.stdin:
        message = json.loads(line)
        ident, params = message.get("id"), message.get("params", {})
        match message["method"]:
            case "initialize":
                info = {"name": "patient", "version": "1"}
                version = params["protocolVersion"]
                send(
                    {
                        "id": ident,
                        "result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info},
                    }
                )
            case "tools/list":
                send({"id": ident, "result": {"tools": TOOLS}})
            case "tools/call":
                token = params.get("_meta", {}).get("progressToken")
                threading.Thread(
                    target=call, args=(ident, params["name"], params.get("arguments", {}), token), daemon=True
                ).start()
            case _ if ident is not None:
                send({"id": ident, "error": {"code": -32601, "message": "no such method"}})
    time.sleep(600)


main()
