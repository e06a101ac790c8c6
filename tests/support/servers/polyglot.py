"""An MCP server that says what it is told to say, in either era: results, errors, progress, tasks, headers, hints.

Standard library only; speaks the wire itself. Over HTTP it listens on a free loopback port, named on standard error as
`LISTENING port`; with the argument `stdio` it is a legacy stdio server. The path chooses the era: `/modern`, `/legacy`,
or `/both`, which is modern until the tool `retire` is called.

POLYGLOT_TTL and POLYGLOT_SCOPE are the caching hints of its modern results; POLYGLOT_SERVES its capabilities (JSON);
POLYGLOT_PAGE how many tools one page of its list has.
"""

import base64
import json
import os
import queue
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
META = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
TASKS = META + "tasks"
TTL = int(os.environ.get("POLYGLOT_TTL", "0"))
SCOPE = os.environ.get("POLYGLOT_SCOPE", "public")
PAGE = int(os.environ.get("POLYGLOT_PAGE", "1000"))
INSTRUCTIONS = "How to use polyglot."
OWN = {False: "poly://old", True: "poly://new"}  # a resource that only servers of this era have
UNLISTED = {False: "poly://secret/old", True: "poly://secret/new"}
SERVES: Json = json.loads(
    os.environ.get("POLYGLOT_SERVES", '{"tools":{},"resources":{},"prompts":{},"completions":{}}')
)
LISTS = (
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
    "server/discover",
    "resources/read",
)
LOGGED = {"level": "emergency", "logger": "polyglot", "data": "never to be seen by whoever did not ask"}
NOW = "2026-07-28T00:00:00Z"


class Refused(Exception):
    """An error object, and the HTTP status it goes with."""

    def __init__(self, code: int, message: str, status: int = 200, **more: Any) -> None:
        self.error, self.status = {"code": code, "message": message, **more}, status


class World:
    """What outlives a request."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen: list[Json] = []
        self.header = "Region"
        self.retired = False
        self.url = "http://127.0.0.1"
        self.tasks: dict[str, Json] = {}
        self.listeners: list[tuple[set[str], queue.Queue[Json]]] = []


WORLD = World()
HERE = threading.local()
"""`session`: that of the request in this thread, which its tasks belong to."""


def tools() -> list[Json]:
    def tool(name: str, **more: Any) -> Json:
        return {"name": name, "inputSchema": {"type": "object"}, **more}

    region = {"type": "string", "x-mcp-header": WORLD.header}
    count = {"type": "integer", "x-mcp-header": "Count"}
    wrong = {"type": "object", "properties": {"n": {"type": "number", "x-mcp-header": "N"}}}
    odd = {"type": "object", "properties": {"name": {"type": "boolean", "x-mcp-header": "A_b!c.d~"}}}
    routed = {"type": "object", "properties": {"region": region, "count": count, "odd": odd}}
    return [
        tool("say"), tool("refuse"), tool("steps"), tool("seen"), tool("shift"), tool("retire"),
        tool("job", execution={"taskSupport": "optional"}), tool("end"),
        {"name": "routed", "inputSchema": routed},
        {"name": "misplaced", "inputSchema": wrong},
        tool("loose", outputSchema={"type": "array", "items": {}}),
        {"name": "distant", "inputSchema": {"type": "object", "properties": {"far": {"$ref": f"{WORLD.url}/schema"}}}},
    ]  # fmt: skip


def text(value: object) -> Json:
    return {"content": [{"type": "text", "text": value if isinstance(value, str) else json.dumps(value)}]}


def call(name: str, arguments: Json, params: Json, modern: bool, meta: Json) -> Json:
    match name:
        case "say":
            return arguments["result"]
        case "refuse":
            error = arguments["error"]
            raise Refused(**error, status=arguments.get("status", 200))
        case "seen":
            return text(WORLD.seen)
        case "shift":
            WORLD.header = arguments["header"]
            return text("shifted")
        case "retire":
            WORLD.retired = True
            return text("retired")
        case "routed":
            return text(arguments)
        case "job":
            return start(arguments, params, modern, meta)
        case "end":
            finish(arguments["label"])
            return text("ended")
    raise Refused(-32602, f"Unknown tool: {name}", 400)


def start(arguments: Json, params: Json, modern: bool, meta: Json) -> Json:
    """A tool that runs as a task where its caller can have one."""
    able = TASKS in meta.get(META + "clientCapabilities", {}).get("extensions", {})
    if modern and not able:
        needed = {"extensions": {TASKS: {}}}
        raise Refused(-32021, "Missing required client capability", 400, data={"requiredCapabilities": needed})
    if not modern and "task" not in params:
        return text("done at once")
    ident = str(uuid.uuid4())
    more = {"ttlMs": 60000, "pollIntervalMs": 10} if modern else {"ttl": 60000, "pollInterval": 10}
    WORLD.tasks[ident] = {"taskId": ident, "status": "working", "createdAt": NOW, "lastUpdatedAt": NOW, **more,
                          "label": arguments.get("label", ""), "session": session()}  # fmt: skip
    shown = public(WORLD.tasks[ident])
    return {"resultType": "task", **shown} if modern else {"task": shown}


def session() -> str:
    return getattr(HERE, "session", "")


def public(task: Json) -> Json:
    return {key: value for key, value in task.items() if key not in ("label", "session")}


def finish(label: str) -> None:
    for task in WORLD.tasks.values():
        if task["label"] == label:
            task["status"] = "completed"
            tell(task)


def tell(task: Json) -> None:
    for wanted, listener in WORLD.listeners:
        if task["taskId"] in wanted:
            listener.put(public(task))


def of_task(method: str, params: Json, modern: bool) -> Json:
    task = WORLD.tasks.get(params.get("taskId", ""))
    if task is None or task["session"] != session():
        raise Refused(-32602, "Unknown task", 400)
    shown = public(task)
    match method:
        case "tasks/get" if modern and task["status"] == "completed":
            return {**shown, "result": text("the outcome")}
        case "tasks/get":
            return shown
        case "tasks/cancel":
            task["status"] = "cancelled"
            return {} if modern else {**shown, "status": "cancelled"}
        case "tasks/update" if modern:
            task["status"] = "completed"
            return {}
        case "tasks/result" if not modern:
            related = {META + "related-task": {"taskId": task["taskId"]}}
            return {**text("the outcome"), "_meta": related}
    raise Refused(-32601, "Method not found", 404)


def answer(method: str, params: Json, modern: bool) -> Json:
    meta = params.get("_meta", {})
    if method == "initialize" and not modern:
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": SERVES,
            "serverInfo": {"name": "polyglot", "version": "1"},
            "instructions": INSTRUCTIONS,
        }
    if method == "server/discover" and modern:
        return {"supportedVersions": [MODERN], "capabilities": SERVES, "instructions": INSTRUCTIONS}
    if method == "ping" and not modern:
        return {}
    if method == "tools/list":
        begin = int(params.get("cursor") or 0)
        end, everything = begin + PAGE, tools()
        more = {"nextCursor": str(end)} if end < len(everything) else {}
        return {"tools": everything[begin:end], **more}
    if method == "prompts/list":
        return {"prompts": [{"name": "greet"}]}
    if method == "prompts/get":
        return json.loads(params["arguments"]["result"])
    if method == "resources/list":
        return {"resources": [{"uri": uri, "name": uri[7:]} for uri in ("poly://one", OWN[modern])]}
    if method == "resources/templates/list":
        return {"resourceTemplates": []}
    if method == "resources/read":
        if params["uri"] not in ("poly://one", OWN[modern], UNLISTED[modern]):
            raise Refused(-32602 if modern else -32002, "Resource not found", 400, data={"uri": params["uri"]})
        return {"contents": [{"uri": params["uri"], "text": params["uri"][7:]}]}
    if method == "completion/complete":
        return {"completion": {"values": [json.dumps(params.get("context"))]}}
    if method == "tools/call":
        return call(params["name"], params.get("arguments", {}), params, modern, meta)
    if method.startswith("tasks/"):
        return of_task(method, params, modern)
    if method == "vendor/echo":
        return {"echo": {key: value for key, value in params.items() if key != "_meta"}}
    raise Refused(-32601, "Method not found", 404)


def routed_well(headers: Json, method: str, params: Json) -> bool:
    """The parts of the header rules that tests provoke."""
    if headers.get("mcp-method") != method:
        return False
    if method == "tools/call" and params["name"] == "routed":
        given = params.get("arguments", {}).get("region")
        told = headers.get(f"mcp-param-{WORLD.header.lower()}")
        if told is not None and told.startswith("=?base64?"):
            told = base64.b64decode(told[9:-2]).decode()
        return told == given
    return True


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name)
        """Quiet: standard error tells the port."""

    def do_GET(self) -> None:
        WORLD.seen.append({"method": "", "headers": {}, "params": {}, "path": self.path})
        self.reply(405, b"")

    do_DELETE = do_GET  # noqa: N815

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        method, params, ident = message.get("method", ""), message.get("params", {}), message.get("id")
        modern = headers.get("mcp-protocol-version") == MODERN
        HERE.session = headers.get("mcp-session-id", "")
        WORLD.seen.append({"method": method, "headers": headers, "params": params, "path": self.path})
        if ident is None:
            self.reply(202, b"")
            return
        try:
            if self.path == "/legacy" and modern:
                raise Refused(-32600, "No session", 400)
            if modern and WORLD.retired and self.path == "/both":
                data = {"supported": ["2025-11-25"], "requested": MODERN}
                raise Refused(-32022, "Unsupported protocol version", 400, data=data)
            if not modern and self.path == "/modern":
                raise Refused(-32022, "Unsupported", 400, data={"supported": [MODERN], "requested": ""})
            if modern and not routed_well(headers, method, params):
                raise Refused(-32020, "Header mismatch", 400)
            if modern and method == "subscriptions/listen":
                able = params["_meta"][META + "clientCapabilities"].get("extensions", {})
                if "taskIds" in params["notifications"] and TASKS not in able:
                    raise Refused(-32021, "Missing required client capability", 400)
                self.listen(ident, params["notifications"])
                return
            if method == "tools/call" and params["name"] == "steps":
                self.progress(ident, params)
                return
            result = answer(method, params, modern)
            if modern and "resultType" not in result:
                result = {"resultType": "complete", **result}
            if modern and method in LISTS:
                result = {**result, "ttlMs": TTL, "cacheScope": SCOPE}
            self.json(200, {"jsonrpc": "2.0", "id": ident, "result": result})
        except Refused as refused:
            self.json(refused.status, {"jsonrpc": "2.0", "id": ident, "error": refused.error})

    def progress(self, ident: object, params: Json) -> None:
        self.begin()
        token = params.get("_meta", {}).get("progressToken")
        self.event("notifications/message", LOGGED)
        if params["arguments"].get("asks"):
            self.chunk({"jsonrpc": "2.0", "id": "mine", "method": "roots/list"})
        if params["arguments"].get("says"):
            self.event("notifications/vendor", params["arguments"]["says"])
        self.event("notifications/cancelled", {"requestId": "nothing", "reason": "of the server's own"})
        for value in params["arguments"]["values"]:
            if token is not None:
                self.event("notifications/progress", {"progressToken": token, "progress": value})
        self.chunk({"jsonrpc": "2.0", "id": ident, "result": {"resultType": "complete", **text("stepped")}})
        self.event("notifications/progress", {"progressToken": token, "progress": 99})
        self.wfile.write(b"0\r\n\r\n")

    def listen(self, ident: object, wanted: Json) -> None:
        """Acknowledges what it knows, and tells of tasks until the reader is gone."""
        self.begin()
        named = {META + "subscriptionId": ident}
        honoured = {"taskIds": wanted["taskIds"]} if "taskIds" in wanted else {}
        self.event("notifications/subscriptions/acknowledged", {"_meta": named, "notifications": honoured})
        listener: queue.Queue[Json] = queue.Queue()
        entry = set(wanted.get("taskIds", [])), listener
        WORLD.listeners.append(entry)
        try:
            while True:
                try:
                    self.event("notifications/tasks", {**listener.get(timeout=0.5), "_meta": named})
                except queue.Empty:
                    self.wfile.write(b"3\r\n:\n\n\r\n")
                    self.wfile.flush()
        except OSError:
            WORLD.listeners.remove(entry)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, method: str, params: Json) -> None:
        self.chunk({"jsonrpc": "2.0", "method": method, "params": params})

    def chunk(self, message: Json) -> None:
        data = f"data: {json.dumps(message)}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def json(self, status: int, message: Json) -> None:
        opened = [("mcp-session-id", str(uuid.uuid4()))] if "protocolVersion" in message.get("result", {}) else []
        self.reply(status, json.dumps(message).encode(), ("content-type", "application/json"), *opened)

    def reply(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def over_stdio() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        method, params, ident = message.get("method", ""), message.get("params", {}), message.get("id")
        WORLD.seen.append({"method": method, "params": params})
        if ident is None:
            continue
        reply: Json = {"jsonrpc": "2.0", "id": ident}
        if method == "tools/call" and params["name"] == "steps":
            print(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": LOGGED}), flush=True)
            withdrawn = {"requestId": "nothing", "reason": "of the server's own"}
            print(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": withdrawn}), flush=True)
            if params["arguments"].get("asks"):
                asked = {"jsonrpc": "2.0", "id": "mine", "method": "roots/list"}
                print(json.dumps(asked), flush=True)
                sys.stdin.readline()
            for value in params["arguments"]["values"]:
                told = {"progressToken": params.get("_meta", {}).get("progressToken"), "progress": value}
                print(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": told}), flush=True)
        try:
            reply["result"] = text("stepped") if params.get("name") == "steps" else answer(method, params, False)
        except Refused as refused:
            reply["error"] = refused.error
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["stdio"]:
        over_stdio()
    else:
        server = Server(("127.0.0.1", 0), Http)
        WORLD.url = f"http://127.0.0.1:{server.server_port}"
        print(f"LISTENING {server.server_port}", file=sys.stderr, flush=True)
        server.serve_forever()
