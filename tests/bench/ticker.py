"""An ASGI app that streams events with the time at which each was sent, on the clock that all processes share."""

import asyncio
import time
from typing import Any

from app.gateway.drain import DRAIN

PAUSE = 0.004


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    head = [(b"content-type", b"text/event-stream" if scope["path"] == "/mcp" else b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    if scope["path"] == "/mcp":
        for _ in range(int(scope["query_string"])):
            if DRAIN.begun:
                break
            await asyncio.sleep(PAUSE)
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % time.monotonic_ns(), "more_body": True})
    await send({"type": "http.response.body", "body": b"{}"})


def create_app() -> Any:
    return app
