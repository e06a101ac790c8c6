"""The control socket of a gateway whose servers change state: `/health` answers what argv[2] lists, one after another.

argv[1] is the socket's path, empty for a free port of this machine. Says `LISTENING port` on standard error; the last
state stays.
"""

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

STATES = json.loads(sys.argv[2])


class Control(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"status": "healthy"}
        if self.path == "/health":
            body["details"] = STATES.pop(0) if len(STATES) > 1 else STATES[0]
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "local"

    def log_message(self, *_: object) -> None:
        pass


class ControlServer(HTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "local", 0


path = sys.argv[1]
kind, address = (ControlServer, path) if path else (HTTPServer, ("127.0.0.1", 0))
with kind(address, Control) as server:
    print(f"LISTENING {server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever()
