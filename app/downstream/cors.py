"""What browsers must be told before a page of an allowed origin may call (fetch standard; PROTOCOL.md section 11).

Wraps the whole app, so that errors carry it too. A request without an Origin header passes untouched.
"""

from collections.abc import Callable, Iterable

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_EXPOSED = b"Mcp-Session-Id, WWW-Authenticate, X-Request-Id"
_METHODS = b"POST, GET, DELETE, OPTIONS"
_MAX_AGE = b"600"
# `*` does not cover Authorization, so what the browser asks for is echoed; this is for those that ask nothing.
_USUAL = (
    b"Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID"
)


def with_cors(app: ASGIApp, allows_origin: Callable[[str], bool]) -> ASGIApp:
    """`app`, answering allowed origins so that their pages may read what it says."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        origin = _origin(scope["headers"]) if scope["type"] == "http" else None
        if origin is None or not allows_origin(origin.decode("latin-1")):
            await app(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            allowed += preflight_headers(scope)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"], *allowed, (b"access-control-expose-headers", _EXPOSED)
                ]  # fmt: skip
            await send(message)

        await app(scope, receive, tell)

    return front


def _origin(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"origin":
            return value
    return None


def preflight_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The answer to OPTIONS: what the page may send."""
    asked = next((value for name, value in scope["headers"] if name == b"access-control-request-headers"), _USUAL)
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", _MAX_AGE),
    ]
