"""An ASGI server's side of one request, played by the test."""

import asyncio
from typing import Any


class Wire:
    """Gives the app a body, takes what it sends, and can hang up or stop reading."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = list(chunks) or [b""]
        self.sent: list[dict[str, Any]] = []
        self.hang_up = asyncio.Event()
        self.broken = False

    async def receive(self) -> dict[str, Any]:
        if self._chunks:
            body = self._chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self._chunks)}
        await self.hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if self.broken:
            raise OSError("the client is gone")
        if self.sent and self.ended:
            raise RuntimeError("sent after the response was complete")  # as uvicorn does
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def ended(self) -> bool:
        return not self.sent[-1].get("more_body", True)


def scope(method: str = "POST", headers: list[tuple[bytes, bytes]] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": method, "path": "/mcp", "headers": headers or [], "path_params": {},
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8080), **more,
    }  # fmt: skip
