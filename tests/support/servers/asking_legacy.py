"""A legacy server that asks its client in the middle of a call. It speaks the wire itself, over stdio or (`http`) HTTP.

Over HTTP it listens on a free loopback port, named on standard error as `LISTENING port`, and pushes its questions on
the stream of the call that causes them, or (`aside`) on the session's own stream. Each call runs in a task of its own.
Environment: ASKING_ROOTS (asks for roots as soon as it may).
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Send = Callable[[Json], None]

FORM = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = (
    "ask",  # pushes `questions` at once and tells the answers, in their order; with progress around it
    "in_turn",  # the same, one after the other
    "declared",  # the capabilities that its session began with, and which session that is
    "withdraw",  # asks, takes it back, and answers once it is told `release`
    "hasty",  # asks, and answers without waiting
    "die",  # asks, and ends its process when `release` comes
    "login",  # −32042 at first, done when called again; `id` names what is to be done
    "visit",  # sends the person to an address by a question; with `finish` it is done before the answer
    "complete",  # says that what is called `id` is done
    "release",
    "journal",
)


class Session:
    """One client's session."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.declared: Json = {}
        self.waiting: dict[str, asyncio.Future[Json]] = {}
        self.calls: dict[object, asyncio.Task[None]] = {}
        self.released = asyncio.Event()
        self.journal: list[str] = []
        self.aside: Send | None = None
        self.count = 0
        self.logins: set[str] = set()

    def receive(self, message: Json, send: Send) -> None:
        method, ident, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method is None:
            self.answered(message)
        elif ident is not None:
            self.calls[ident] = asyncio.get_running_loop().create_task(self.answer(ident, method, params, send))
        elif method == "notifications/cancelled":
            self.journal.append(f"cancelled {params.get('reason')}")
            if (task := self.calls.get(params["requestId"])) is not None:
                task.cancel()
        elif method == "notifications/initialized" and os.environ.get("ASKING_ROOTS"):
            self.calls["roots"] = asyncio.get_running_loop().create_task(self.learn_roots(send))
        else:
            self.journal.append(method)

    def answered(self, message: Json) -> None:
        future = self.waiting.pop(str(message.get("id")), None)
        if future is None or future.done():
            self.journal.append(f"stray answer {message.get('id')}")
            return
        future.set_result({name: message[name] for name in ("result", "error") if name in message})

    async def learn_roots(self, send: Send) -> None:
        self.journal.append(f"roots {json.dumps(await self.ask(send, 'roots/list', None))}")

    def push(self, send: Send, method: str, params: Json | None) -> tuple[str, "asyncio.Future[Json]"]:
        self.count += 1
        ident = f"q{self.count}-{self.id[:4]}"
        future = self.waiting[ident] = asyncio.get_running_loop().create_future()
        message = {"jsonrpc": "2.0", "id": ident, "method": method}
        (self.aside or send)(message if params is None else {**message, "params": params})
        return ident, future

    async def ask(self, send: Send, method: str, params: Json | None) -> Json:
        return await self.push(send, method, params)[1]

    async def answer(self, ident: object, method: str, params: Json, send: Send) -> None:
        try:
            result = await self.result_of(method, params, send)
        except asyncio.CancelledError:
            return
        finally:
            self.calls.pop(ident, None)
        send({"jsonrpc": "2.0", "id": ident, **result})

    async def result_of(self, method: str, params: Json, send: Send) -> Json:
        match method:
            case "initialize":
                self.declared = params["capabilities"]
                told = {"tools": {}, "prompts": {}, "resources": {}}
                info = {"name": "asking", "version": "1"}
                version = params["protocolVersion"]
                return {"result": {"protocolVersion": version, "capabilities": told, "serverInfo": info}}
            case "ping":
                return {"result": {}}
            case "tools/list":
                return {"result": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}}
            case "prompts/list":
                return {"result": {"prompts": [{"name": "topic"}]}}
            case "resources/list":
                return {"result": {"resources": [{"uri": "asking://word", "name": "word"}]}}
            case "tools/call":
                return await self.call(params["name"], params.get("arguments") or {}, params.get("_meta") or {}, send)
            case "prompts/get":
                answer = await self.ask(send, "elicitation/create", {"message": "Topic?", "requestedSchema": FORM})
                content = {"type": "text", "text": json.dumps(answer)}
                return {"result": {"messages": [{"role": "user", "content": content}]}}
            case "resources/read":
                answer = await self.ask(send, "elicitation/create", {"message": "Word?", "requestedSchema": FORM})
                return {"result": {"contents": [{"uri": params["uri"], "text": json.dumps(answer)}]}}
        return {"error": {"code": -32601, "message": "Method not found"}}

    async def call(self, name: str, arguments: Json, meta: Json, send: Send) -> Json:
        def progress(number: int) -> None:
            if "progressToken" in meta:
                params = {"progressToken": meta["progressToken"], "progress": number}
                send({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})

        asked = arguments.get("questions") or [form(arguments.get("message", "Your name?"))]
        match name:
            case "ask":
                progress(1)
                waiting = [self.push(send, each["method"], each.get("params"))[1] for each in asked]
                progress(2)
                found: object = list(await asyncio.gather(*waiting))
                progress(3)
            case "in_turn":
                found = [await self.ask(send, each["method"], each.get("params")) for each in asked]
            case "declared":
                found = {"capabilities": self.declared, "session": self.id, "pid": os.getpid()}
            case "withdraw":
                ident, _ = self.push(send, asked[0]["method"], asked[0].get("params"))
                await asyncio.sleep(arguments.get("after", 0))
                send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": ident}})
                self.waiting.pop(ident)
                await asyncio.sleep(arguments.get("then", 0))
                found = "withdrawn"
            case "hasty":
                self.push(send, asked[0]["method"], asked[0].get("params"))
                await asyncio.sleep(arguments.get("after", 0))
                found = "done already"
            case "die":
                self.push(send, asked[0]["method"], asked[0].get("params"))
                await asyncio.sleep(arguments.get("after", 0.3))
                os._exit(3)
            case "login":
                if (ident := arguments.get("id", "e1")) not in self.logins:
                    self.logins.add(ident)
                    told = {"elicitations": [address(ident)]}
                    return {"error": {"code": -32042, "message": "Log in first", "data": told}}
                found = "logged in"
            case "visit":
                found = await self.ask(send, "elicitation/create", address(arguments["id"]))
                if arguments.get("finish"):
                    send(completed(arguments["id"]))
            case "complete":
                (self.aside or send)(completed(arguments["id"]))
                found = "completed"
            case "release":
                self.released.set()
                found = "released"
            case _:
                found = self.journal
        return {"result": {"content": [{"type": "text", "text": json.dumps(found)}]}}


def address(ident: str) -> Json:
    return {"mode": "url", "elicitationId": ident, "url": "https://login.example/", "message": "Log in"}


def completed(ident: str) -> Json:
    return {"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": {"elicitationId": ident}}


def form(message: str) -> Json:
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": FORM}}


async def over_stdio(session: Session) -> None:
    loop = asyncio.get_running_loop()

    def send(message: Json) -> None:
        # What is said in one turn goes out in one piece: the gateway takes it for what comes together.
        sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
        loop.call_soon(sys.stdout.buffer.flush)

    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        session.receive(json.loads(line), send)


class App:
    """Streamable HTTP of 2025-11-25, as raw ASGI."""

    def __init__(self, *, aside: bool, opens: Callable[[], Session] = Session) -> None:
        self.opens = opens
        self.sessions: dict[str, Session] = {}
        self.aside = aside

    async def __call__(self, scope: Json, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        session = self.sessions.get(headers.get("mcp-session-id", ""))
        if scope["method"] == "POST":
            body = b""
            more = True
            while more:
                event = await receive()
                body, more = body + event.get("body", b""), event.get("more_body", False)
            await self.post(json.loads(body), session, send)
        elif scope["method"] == "GET" and session and self.aside:
            await self.stream(session, send)
        elif scope["method"] == "DELETE" and session:
            del self.sessions[session.id]
            await reply(send, 204)
        else:
            await reply(send, 405 if session else 404)

    async def post(self, message: Json, session: Session | None, send: Any) -> None:
        if session is None and message.get("method") != "initialize":
            # The modern era is not spoken here.
            await reply(send, 404 if "mcp-session-id" in message else 400)
            return
        if session is None:
            session = self.opens()
            self.sessions[session.id] = session
        if "id" not in message or "method" not in message:
            session.receive(message, lambda _: None)
            await reply(send, 202)
            return
        outgoing: asyncio.Queue[Json] = asyncio.Queue()
        session.receive(message, outgoing.put_nowait)
        await begin(send, session.id)
        while True:
            said = await outgoing.get()
            last = said.get("id") == message["id"] and "method" not in said
            await event(send, said, more=not last)
            if last:
                return

    async def stream(self, session: Session, send: Any) -> None:
        outgoing: asyncio.Queue[Json] = asyncio.Queue()
        session.aside = outgoing.put_nowait
        await begin(send, session.id)
        while True:
            await event(send, await outgoing.get(), more=True)


async def begin(send: Any, session: str) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"mcp-session-id", session.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def event(send: Any, message: Json, *, more: bool) -> None:
    data = b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def reply(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    if "http" in sys.argv:
        from everyday import listen

        listen(App(aside="aside" in sys.argv))
    else:
        asyncio.run(over_stdio(Session()))
