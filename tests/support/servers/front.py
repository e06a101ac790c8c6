"""The front of a gateway, small: revision 2026-07-28 over HTTP on a free loopback port or on a unix socket.

For commands that ask a gateway and must be seen to say the right thing about each kind of answer. It says where it
listens on standard error as `LISTENING port` (0 for a socket). FRONT_KEY: the only key; FRONT_SOCKET: a path.
"""

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ.get("FRONT_KEY", "")
SOCKET = os.environ.get("FRONT_SOCKET", "")
META = "io.modelcontextprotocol/"
TOOLS = [
    [{"name": "demo__echo", "description": "Says it again.\nAnd more."}, {"name": "demo__fail", "title": "Fails"}],
    [{"name": "demo__\x1b[31mred"}, {"name": "demo__stream"}, {"name": "demo__ask"}, {"name": "demo__café"}],
]

Json = dict[str, object]


def text(said: str, **more: object) -> Json:
    return {"content": [{"type": "text", "text": said}], "resultType": "complete", **more}


def run_tool(name: object, arguments: Json, headers: dict[str, str]) -> Json | None:
    match name:
        case "demo__echo" | "demo__café":
            return text(json.dumps({"arguments": arguments, "headers": headers}))
        case "demo__fail":
            return text("\x1b[31mit failed", isError=True)
        case "demo__stream":
            return text("streamed\u2028whole")
        case "demo__ask":
            return {"resultType": "input_required", "inputRequests": {"name": {}}}
        case "demo__data":
            return {"content": [], "structuredContent": {"n": 1}, "resultType": "complete"}
        case "demo__picture":
            return {"content": [{"type": "image", "data": "AA==", "mimeType": "image/png"}]}
        case _:
            return None


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if KEY and self.headers["Authorization"] != f"Bearer {KEY}":
            self.write(401, {"error": "invalid_token"})
            return
        params = body["params"]
        agreed = self.headers["MCP-Protocol-Version"] == params["_meta"][f"{META}protocolVersion"] == "2026-07-28"
        if not agreed or self.headers["Mcp-Method"] != body["method"]:
            self.refuse(body, 400, -32020, "headers and body differ")
        elif body["method"] == "tools/list":
            place = int(params.get("cursor", "0"))
            more = {"nextCursor": "1"} if place == 0 else {}
            self.answer(body, {"tools": TOOLS[place], **more})
        else:
            told = {name: self.headers[name] for name in ("Mcp-Name", "X-MCP-Client") if self.headers[name]}
            result = run_tool(params["name"], params["arguments"], told)
            if result is None:
                self.refuse(body, 400, -32602, f"Unknown tool: {params['name']}")
            else:
                self.answer(body, result, streamed=params["name"] == "demo__stream")

    def do_GET(self) -> None:
        self.write(200 if self.path == "/health/live" else 503, {"path": self.path})

    def answer(self, body: Json, result: Json, *, streamed: bool = False) -> None:
        message: Json = {"jsonrpc": "2.0", "id": body["id"], "result": result}
        if not streamed:
            self.write(200, message)
            return
        notice = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
        final = json.dumps(message, ensure_ascii=False)
        self.send(200, "text/event-stream", f": alive\r\n\r\ndata: {notice}\r\n\r\ndata: {final}\n\n".encode())

    def refuse(self, body: Json, status: int, code: int, message: str) -> None:
        self.write(status, {"jsonrpc": "2.0", "id": body["id"], "error": {"code": code, "message": message}})

    def write(self, status: int, value: Json) -> None:
        self.send(status, "application/json", json.dumps(value).encode())

    def send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "peer"

    def log_message(self, *args: object) -> None:
        """Silent."""


class OnSocket(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0


if __name__ == "__main__":
    server = OnSocket(SOCKET, Front) if SOCKET else ThreadingHTTPServer(("127.0.0.1", 0), Front)  # type: ignore[arg-type]
    print(f"LISTENING {server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever()
