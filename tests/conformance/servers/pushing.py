"""A legacy-only everything server (2025-11-25): what its tools want to know they ask by requests to the client.

Speaks the wire itself. A question goes on the stream of the call that asks it; changes of lists on the session's own.
"""

import asyncio
import uuid
from typing import Any

from tests.conformance.servers import tools
from tests.conformance.servers.asgi import begin, body_of, event, headers_of, reply
from tests.conformance.servers.tools import Json, Questions, Refused
from tests.support.servers.everyday import listen

SESSIONS: dict[str, "Session"] = {}


class Session:
    def __init__(self, declared: Json) -> None:
        self.id = uuid.uuid4().hex
        self.declared = declared
        self.waiting: dict[str, asyncio.Future[Json]] = {}
        self.calls: dict[object, asyncio.Task[None]] = {}
        self.aside: asyncio.Queue[Json] = asyncio.Queue()
        self.asked = 0


class Call:
    """One request; `outgoing` is its stream. Is the `Client` of what answers it."""

    def __init__(self, session: Session, token: object) -> None:
        self.session = session
        self.outgoing: asyncio.Queue[Json] = asyncio.Queue()
        self.token = token

    def declares(self, capability: str) -> bool:
        return capability in self.session.declared

    async def ask(self, questions: Questions) -> Json:
        session, waiting = self.session, {}
        for key, question in questions.items():
            session.asked += 1
            ident = f"q{session.asked}"
            waiting[key] = session.waiting[ident] = asyncio.get_running_loop().create_future()
            self.outgoing.put_nowait({"jsonrpc": "2.0", "id": ident, **question})
        return {key: await answer for key, answer in waiting.items()}

    async def log(self, text: str) -> None:
        self.tell("notifications/message", {"level": "info", "data": text})

    async def progress(self, reached: int) -> None:
        if self.token is not None:
            self.tell("notifications/progress", {"progressToken": self.token, "progress": reached, "total": 100})

    def tell(self, method: str, params: Json) -> None:
        self.outgoing.put_nowait({"jsonrpc": "2.0", "method": method, "params": params})

    def changed(self, kind: str) -> None:
        for session in SESSIONS.values():
            session.aside.put_nowait({"jsonrpc": "2.0", "method": f"notifications/{kind}/list_changed"})

    async def run(self, ident: object, method: str, params: Json) -> None:
        try:
            if method in ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"):
                outcome: Json = {"result": {}}
            else:
                outcome = {"result": await tools.answer(self, method, params, -32002)}
        except Refused as refused:
            outcome = {"error": refused.error}
        self.session.calls.pop(ident, None)
        self.outgoing.put_nowait({"jsonrpc": "2.0", "id": ident, **outcome})


async def app(scope: Json, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    session = SESSIONS.get(headers_of(scope).get("mcp-session-id", ""))
    if scope["method"] == "POST":
        await post(await body_of(receive), session, send)
    elif session is None:
        await reply(send, 404)
    elif scope["method"] == "GET":
        await begin(send)
        while True:
            await event(send, await session.aside.get(), more=True)
    else:
        del SESSIONS[session.id]
        await reply(send, 200)


async def post(message: Json, session: Session | None, send: Any) -> None:
    method, ident, params = message.get("method"), message.get("id"), message.get("params") or {}
    if method == "initialize":
        session = Session(params["capabilities"])
        SESSIONS[session.id] = session
        told = {"protocolVersion": "2025-11-25", "capabilities": tools.CAPABILITIES}
        result = {**told, "serverInfo": {"name": "pushing", "version": "1"}}
        await reply(send, 200, {"jsonrpc": "2.0", "id": ident, "result": result}, mcp_session_id=session.id)
    elif session is None:
        await reply(send, 400)
    elif method is None:
        # A client that declines is one that the tool cannot go on with.
        session.waiting.pop(str(ident)).set_result(message.get("result", {}))
        await reply(send, 202)
    elif ident is None:
        if method == "notifications/cancelled" and (task := session.calls.pop(params["requestId"], None)):
            task.cancel()
        await reply(send, 202)
    else:
        call = Call(session, (params.get("_meta") or {}).get("progressToken"))
        session.calls[ident] = asyncio.get_running_loop().create_task(call.run(ident, method, params))
        await begin(send)
        while True:
            said = await call.outgoing.get()
            last = said.get("id") == ident and "method" not in said
            await event(send, said, more=not last)
            if last:
                return


if __name__ == "__main__":
    listen(app)
