"""The HTTP of the servers of this folder: raw ASGI.

Says nothing of MCP beyond how a message is framed in an event stream.
"""

import json
from typing import Any

Json = dict[str, Any]
Send = Any


async def body_of(receive: Any) -> Json:
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return json.loads(body)


def headers_of(scope: Json) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in scope["headers"]}


async def request_of(scope: Json, receive: Any, send: Send) -> tuple[dict[str, str], Json] | None:
    """Headers and message of a request; None for all else, which is answered then."""
    if scope["type"] != "http":
        return None
    if scope["method"] != "POST":
        await reply(send, 405)
        return None
    message = await body_of(receive)
    if message.get("id") is None:
        await reply(send, 202)
        return None
    return headers_of(scope), message


async def reply(send: Send, status: int, message: Json | None = None, **headers: str) -> None:
    body = json.dumps(message).encode() if message is not None else b""
    head = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await send({"type": "http.response.start", "status": status, "headers": raw(head)})
    await send({"type": "http.response.body", "body": body})


async def begin(send: Send, **headers: str) -> None:
    head = {"content-type": "text/event-stream", **headers}
    await send({"type": "http.response.start", "status": 200, "headers": raw(head)})


async def event(send: Send, message: Json, *, more: bool) -> None:
    data = b"data: " + json.dumps(message).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": data, "more_body": more})


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
