"""A modern MCP server over HTTP whose answers do not come: prints its port, `LISTENING n`, on stderr. Stdlib only.

Tools: `stall` says nothing, `trickle` sends comments, `pulse` sends progress; all without end. `echo` answers.
"""

import json
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOLS = ("stall", "trickle", "pulse", "echo")
FOUND = {
    "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0,
    "cacheScope": "private", "serverInfo": {"name": "trickling", "version": "1"},
}  # fmt: skip


class Served(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        params = message.get("params", {})
        match message["method"]:
            case "server/discover":
                self.answer({"id": message["id"], "result": FOUND})
            case "tools/list":
                tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
                self.answer({"id": message["id"], "result": {"tools": tools}})
            case "tools/call" if params["name"] == "echo":
                content = [{"type": "text", "text": json.dumps(params.get("arguments", {}))}]
                self.answer({"id": message["id"], "result": {"content": content}})
            case "tools/call":
                with suppress(ConnectionError):
                    self.drip(params["name"], params["_meta"]["progressToken"])
            case _:
                self.answer({"id": message.get("id"), "error": {"code": -32601, "message": "Method not found"}})

    def do_GET(self) -> None:
        self.send_error(405)

    def answer(self, members: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **members}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, tool: str, token: object) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for step in range(600):
            params = {"progressToken": token, "progress": step}
            notice = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            event = {"pulse": f"data: {json.dumps(notice)}\n\n", "trickle": ": still here\n\n"}.get(tool, "")
            self.wfile.write(event.encode())
            self.wfile.flush()
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        """Nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
server.daemon_threads = True
print("LISTENING", server.server_port, file=sys.stderr, flush=True)
server.serve_forever()
