"""A modern-only everything server (2026-07-28): what its tools want to know they ask by answering `input_required`.

Speaks the wire itself, and knows no sessions: what was answered in earlier rounds is in the `requestState`.
"""

import asyncio
import json
from typing import Any

from tests.conformance.servers import tools
from tests.conformance.servers.asgi import begin, event, reply, request_of
from tests.conformance.servers.tools import Json, Questions, Refused
from tests.support.servers.everyday import listen

VERSION = "2026-07-28"
META = "io.modelcontextprotocol/"
NEEDS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
HINTED = ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read")
FEEDS: list["asyncio.Queue[str]"] = []


class Wanting(Exception):
    def __init__(self, questions: Questions, answered: Json) -> None:
        self.result = {
            "resultType": "input_required",
            "inputRequests": questions,
            "requestState": json.dumps(answered),
        }


class Call:
    """One request; `outgoing` is its stream, None where it has none. Is the `Client` of what answers it."""

    def __init__(self, params: Json) -> None:
        self.meta: Json = params["_meta"]
        self.outgoing: asyncio.Queue[Json] = asyncio.Queue()
        self.answered: Json = json.loads(params.get("requestState") or "{}") | (params.get("inputResponses") or {})

    def declares(self, capability: str) -> bool:
        return capability in self.meta[META + "clientCapabilities"]

    async def ask(self, questions: Questions) -> Json:
        if lacking := {name for each in questions.values() if not self.declares(name := NEEDS[each["method"]])}:
            raise Refused(
                -32021, "Missing required client capability", requiredCapabilities={name: {} for name in lacking}
            )
        if questions.keys() <= self.answered.keys():
            return {key: self.answered[key] for key in questions}
        raise Wanting({key: asked for key, asked in questions.items() if key not in self.answered}, self.answered)

    async def log(self, text: str) -> None:
        if META + "logLevel" in self.meta:
            self.tell("notifications/message", {"level": "info", "data": text})

    async def progress(self, reached: int) -> None:
        if "progressToken" in self.meta:
            told = {"progressToken": self.meta["progressToken"], "progress": reached, "total": 100}
            self.tell("notifications/progress", told)

    def tell(self, method: str, params: Json) -> None:
        self.outgoing.put_nowait({"jsonrpc": "2.0", "method": method, "params": params})

    def changed(self, kind: str) -> None:
        for feed in FEEDS:
            feed.put_nowait(kind)

    async def outcome(self, method: str, params: Json) -> Json:
        if method == "server/discover":
            found: Json = {"supportedVersions": [VERSION], "capabilities": tools.CAPABILITIES}
            return {"resultType": "complete", **found, "ttlMs": 0, "cacheScope": "private"}
        hints = {"ttlMs": 0, "cacheScope": "private"} if method in HINTED else {}
        return {"resultType": "complete", **await tools.answer(self, method, params, -32602), **hints}


async def app(scope: Json, receive: Any, send: Any) -> None:
    request = await request_of(scope, receive, send)
    if request is None:
        return
    headers, message = request
    ident, method, params = message["id"], message.get("method", ""), message.get("params") or {}
    error = misrouted(headers, method, params)
    if error is None and method == "subscriptions/listen":
        await subscribe(ident, params["notifications"], send)
        return
    call = Call(params) if error is None else None
    result: Json = {}
    if call is not None:
        try:
            result = await call.outcome(method, params)
        except Wanting as wanting:
            result = wanting.result
        except Refused as refused:
            error = refused.error
    status = 200 if error is None else 404 if error["code"] == -32601 else 400
    outcome = {"jsonrpc": "2.0", "id": ident, **({"result": result} if error is None else {"error": error})}
    if call is None or call.outgoing.empty():
        await reply(send, status, outcome)
        return
    await begin(send)
    while not call.outgoing.empty():
        await event(send, call.outgoing.get_nowait(), more=True)
    await event(send, outcome, more=False)


def misrouted(headers: dict[str, str], method: str, params: Json) -> Json | None:
    """What is wrong with how the request is addressed."""
    if headers.get("mcp-protocol-version") != VERSION:
        asked = params.get("protocolVersion", "")
        return {"code": -32022, "message": "Unsupported", "data": {"supported": [VERSION], "requested": asked}}
    named = params.get("uri") if method == "resources/read" else params.get("name")
    if method not in ("tools/call", "prompts/get", "resources/read"):
        named = None
    if headers.get("mcp-method") != method or headers.get("mcp-name") != named:
        return {"code": -32020, "message": "Header mismatch"}
    return None


async def subscribe(ident: object, wanted: Json, send: Any) -> None:
    named = {META + "subscriptionId": ident}
    feed: asyncio.Queue[str] = asyncio.Queue()
    FEEDS.append(feed)
    try:
        await begin(send)
        acknowledged = {"_meta": named, "notifications": wanted}
        await event(send, note("notifications/subscriptions/acknowledged", acknowledged), more=True)
        while True:
            kind = await feed.get()
            if wanted.get(f"{kind}ListChanged"):
                await event(send, note(f"notifications/{kind}/list_changed", {"_meta": named}), more=True)
    finally:
        FEEDS.remove(feed)


def note(method: str, params: Json) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


if __name__ == "__main__":
    listen(app)
