"""An MCP server over HTTP that does what servers should not, on request. Standard library only; speaks the wire itself.

The path chooses who it is, the name of the called tool what it does. Listens on a free loopback port and says which on
standard error as `LISTENING port`. `GET /seen` tells every request it got, as JSON.

    /json /sse        legacy with sessions; answers as JSON without a stream of its own, or as events with one
    /json400          as /json, but a lost session is 400 with an error, as servers of the TypeScript SDK do
    /modern /events   modern only; JSON or events
    /status/CODE      every POST and GET gets that status (?retry-after=SECONDS)
    /redirect         307 to /trap
    /old              HTTP+SSE; posts go to /old/messages
    /old-foreign      HTTP+SSE whose posts would go to another host
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One HTTP request and the way back."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    async def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; `content_type="…"` and the like become headers."""
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self.writer.drain()

    async def begin(self) -> None:
        """A stream of events follows."""
        self.writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def event(self, message: object, **fields: str) -> None:
        lines = [f"{name}: {value}" for name, value in fields.items()]
        await self.chunk("\r\n".join([*lines, f"data: {json.dumps(message)}", "", ""]).encode())

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


@dataclass
class World:
    """What outlives a connection."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    streams: list[asyncio.Queue[Any]] = field(default_factory=list)
    old: dict[str, asyncio.Queue[Any]] = field(default_factory=dict)
    tools: list[str] = field(default_factory=lambda: ["echo", *QUIRKS])
    unfinished: dict[str, Any] = field(default_factory=dict)
    closed: int = 0


async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while asked := await read(reader, writer):
            WORLD.seen.append({"method": asked.method, "path": asked.path, "headers": asked.headers,
                               "body": asked.body.decode(errors="replace")[:2000]})  # fmt: skip
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(answer(asked))
                watching = tasks.create_task(watch(reader, work))
                await asyncio.wait([work])
                watching.cancel()
    except* (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def watch(reader: asyncio.StreamReader, work: asyncio.Task[None]) -> None:
    """Ends the work when the client is gone. Clients here send nothing before they have their answer."""
    while not reader.at_eof():  # noqa: ASYNC110 (a stream reader tells of its end only by being read)
        await asyncio.sleep(0.01)
    WORLD.closed += 1
    work.cancel()


async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return Asked(method, url.path, parse_qs(url.query), headers, body, writer)


async def answer(asked: Asked) -> None:
    match asked.path.strip("/").split("/"):
        case ["seen"]:
            seen = {"seen": WORLD.seen, "closed": WORLD.closed, "streams": len(WORLD.streams)}
            await asked.reply(200, json.dumps(seen).encode(), content_type="application/json")
        case ["status", code]:
            extra = {"retry_after": asked.query["retry-after"][0]} if "retry-after" in asked.query else {}
            await asked.reply(int(code), b"nothing here", content_type="text/plain", **extra)
        case ["redirect"]:
            await asked.reply(307, location=f"http://{asked.headers['host']}/trap")
        case ["old"] | ["old-foreign"]:
            await old_stream(asked)
        case ["old", "messages"]:
            await old_message(asked)
        case ["modern"] | ["events"]:
            await modern(asked)
        case ["json"] | ["json400"] | ["sse"]:
            await legacy(asked)
        case _:
            await asked.reply(404, b"not found", content_type="text/plain")


async def modern(asked: Asked) -> None:
    if asked.method != "POST":
        await asked.reply(405, allow="POST")
        return
    message = json.loads(asked.body)
    meta = message.get("params", {}).get("_meta", {})
    if "io.modelcontextprotocol/protocolVersion" not in meta:
        await refuse(asked, 404, message.get("id"), -32601, "Method not found")
    elif asked.headers.get("mcp-method") != message["method"]:
        await refuse(asked, 400, message["id"], -32020, "Mcp-Method differs")
    elif message["method"] == "tools/call" and asked.headers.get("mcp-name") != message["params"]["name"]:
        await refuse(asked, 400, message["id"], -32020, "Mcp-Name differs")
    elif message["method"] == "server/discover":
        found = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                 "ttlMs": 0, "cacheScope": "private", "serverInfo": {"name": "wayward", "version": "1"}}  # fmt: skip
        await asked.reply(200, envelope(message["id"], found), content_type="application/json")
    else:
        await serve(asked, message, stream=asked.path == "/events")


async def legacy(asked: Asked) -> None:
    session = asked.headers.get("mcp-session-id", "")
    if asked.method == "POST" and json.loads(asked.body).get("method") == "initialize":
        message = json.loads(asked.body)
        session = f"session-{len(WORLD.seen)}"
        WORLD.sessions.add(session)
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": True}},
                  "serverInfo": {"name": "wayward", "version": "1"}}  # fmt: skip
        await asked.reply(200, envelope(message["id"], result), content_type="application/json", mcp_session_id=session)
    elif session not in WORLD.sessions:
        if asked.path == "/json400":
            await refuse(asked, 400, None, -32000, "Bad Request: No valid session ID provided")
        else:
            await asked.reply(404, b"no such session", content_type="text/plain")
    elif asked.method == "DELETE":
        WORLD.sessions.discard(session)
        await asked.reply(204)
    elif asked.method == "GET":
        await legacy_stream(asked)
    else:
        message = json.loads(asked.body)
        if "id" not in message or "method" not in message:
            await asked.reply(202)
        else:
            await serve(asked, message, stream=asked.path == "/sse")


async def legacy_stream(asked: Asked) -> None:
    last = asked.headers.get("last-event-id")
    if last in WORLD.unfinished:
        await asked.begin()
        await asked.event(WORLD.unfinished.pop(last), id="resumed-2")
        await asked.end()
    elif asked.path != "/sse":
        await asked.reply(405, allow="POST")
    else:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        WORLD.streams.append(queue)
        try:
            await asked.begin()
            await asked.chunk(b": hello\n\nretry: 60\n\n")
            while message := await queue.get():
                await asked.event(message)
            await asked.end()
        finally:
            WORLD.streams.remove(queue)


async def serve(asked: Asked, message: dict[str, Any], *, stream: bool) -> None:
    ident, params = message["id"], message.get("params", {})
    if message["method"] == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in WORLD.tools]
        await respond(asked, ident, {"tools": tools}, stream)
    elif message["method"] != "tools/call":
        await refuse(asked, 200, ident, -32601, "Method not found")
    elif quirk := QUIRKS.get(params["name"]):
        await quirk(asked, message)
    else:
        await respond(asked, ident, text(json.dumps(params.get("arguments", {}))), stream)


async def respond(asked: Asked, ident: Any, result: Any, stream: bool) -> None:
    if not stream:
        await asked.reply(200, envelope(ident, result), content_type="application/json; charset=utf-8")
        return
    await asked.begin()
    await asked.event(json.loads(envelope(ident, result)), event="message")
    await asked.end()


async def refuse(asked: Asked, status: int, ident: Any, code: int, told: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": told}}).encode()
    await asked.reply(status, body, content_type="application/json")


def envelope(ident: Any, result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}).encode()


def text(told: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": told}]}


async def stall(asked: Asked, _: Any) -> None:
    await asyncio.sleep(3600)


async def lost(asked: Asked, _: Any) -> None:
    asked.writer.transport.abort()


async def huge(asked: Asked, message: Any) -> None:
    await asked.begin()
    for _ in range(17):
        await asked.chunk(b"x" * (1 << 20))
    await asyncio.sleep(3600)


async def big(asked: Asked, message: Any) -> None:
    size = message["params"]["arguments"]["size"]
    await asked.reply(200, envelope(message["id"], text("x" * size)), content_type="application/json")


async def cut(asked: Asked, _: Any) -> None:
    asked.writer.write(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    asked.writer.close()


async def broken_chunk(asked: Asked, _: Any) -> None:
    await asked.begin()
    asked.writer.write(b"nonsense\r\n")
    await asked.writer.drain()


async def empty(asked: Asked, _: Any) -> None:
    await asked.reply(200, content_type="application/json")


async def html(asked: Asked, _: Any) -> None:
    await asked.reply(200, b"<html>secret words of a stranger</html>", content_type="text/html")


async def half(asked: Asked, message: Any) -> None:
    await asked.begin()
    await asked.event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    await asked.end()


async def idless(asked: Asked, _: Any) -> None:
    await asked.reply(400, b'{"jsonrpc":"2.0","error":{"code":-32602,"message":"no"}}', content_type="application/json")


async def fail(asked: Asked, message: Any) -> None:
    await refuse(asked, 500, message["id"], -32603, "broken inside")


async def stranger(asked: Asked, message: Any) -> None:
    await asked.reply(200, envelope(message["id"] + 5000, {}), content_type="application/json")


async def batch(asked: Asked, message: Any) -> None:
    body = b"[%b]" % envelope(message["id"], text("from a batch"))
    await asked.reply(200, body, content_type="application/json")


async def progress(asked: Asked, message: Any) -> None:
    token = {"progressToken": message["params"]["_meta"]["progressToken"]}
    await asked.begin()
    for step in (1, 2):
        await asked.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {**token, "progress": step}})
    # The rest comes once the client has seen the first part: it calls `echo` in between.
    before = len(WORLD.seen)
    while len(WORLD.seen) == before:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    await asked.event(json.loads(envelope(message["id"], text("done"))))
    await asked.end()


async def pretty(asked: Asked, message: Any) -> None:
    await asked.begin()
    lines = json.dumps(json.loads(envelope(message["id"], text("pretty"))), indent=2).splitlines()
    await asked.chunk("".join(f"data: {line}\r" for line in lines).encode() + b"\r")
    await asked.end()


async def linger(asked: Asked, message: Any) -> None:
    await asked.begin()
    await asked.event(json.loads(envelope(message["id"], text("lingering"))))
    await asyncio.sleep(3600)


async def resume(asked: Asked, message: Any) -> None:
    WORLD.unfinished["resumed-1"] = json.loads(envelope(message["id"], text("resumed")))
    await asked.begin()
    await asked.chunk(b"id: resumed-1\nretry: 50\ndata:\n\n")
    await asked.end()


async def change(asked: Asked, message: Any) -> None:
    WORLD.tools.append(f"new{len(WORLD.tools)}")
    for queue in WORLD.streams:
        queue.put_nowait({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    await respond(asked, message["id"], text("changed"), False)


async def hangup(asked: Asked, message: Any) -> None:
    for queue in WORLD.streams:
        queue.put_nowait(None)
    await respond(asked, message["id"], text("hung up"), False)


async def forget(asked: Asked, message: Any) -> None:
    WORLD.sessions.clear()
    await respond(asked, message["id"], text("forgotten"), False)


QUIRKS = {quirk.__name__: quirk for quirk in (stall, huge, big, cut, broken_chunk, empty, html, half, idless, progress,
          pretty, linger, resume, change, hangup, forget, stranger, batch, fail, lost)}  # fmt: skip
WORLD = World()


async def old_stream(asked: Asked) -> None:
    if asked.method != "GET":
        await asked.reply(405, allow="GET")
        return
    ident = f"s{len(WORLD.seen)}"
    queue = WORLD.old[ident] = asyncio.Queue()
    origin = "http://127.0.0.1:1" if asked.path == "/old-foreign" else ""
    try:
        await asked.begin()
        await asked.chunk(f"event: endpoint\ndata: {origin}/old/messages?session={ident}\n\n".encode())
        while message := await queue.get():
            await asked.event(message, event="message")
        await asked.end()
    finally:
        del WORLD.old[ident]


async def old_message(asked: Asked) -> None:
    queue = WORLD.old.get(asked.query.get("session", [""])[0])
    if queue is None:
        await asked.reply(404, b"no such session")
        return
    message = json.loads(asked.body)
    name = message.get("params", {}).get("name")
    if name == "fail":
        await asked.reply(503, retry_after="7")
        return
    await asked.reply(202, b"Accepted")
    if name == "hangup":
        queue.put_nowait(None)
    elif message.get("method") == "initialize":
        result = {
            "protocolVersion": "2024-11-05",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "o", "version": "1"},
        }
        queue.put_nowait(json.loads(envelope(message["id"], result)))
    elif message.get("method") == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in WORLD.tools]
        queue.put_nowait(json.loads(envelope(message["id"], {"tools": tools})))
    elif name and name != "stall":
        queue.put_nowait(json.loads(envelope(message["id"], text(json.dumps(message["params"].get("arguments", {}))))))


async def main() -> None:
    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 26)
    print(f"LISTENING {server.sockets[0].getsockname()[1]}", file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
