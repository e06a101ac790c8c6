"""The short way to the endpoint: a POST to `/mcp` that no guard would stop needs no framework to find it.

Routing, copies and wrappers for each request are a tenth of what a call costs. Whatever is not plainly of this kind,
every refusal included, goes the long way through Litestar, where guards and error handlers decide; both end in the same
endpoint (docs/performance.md).
"""

from collections.abc import Awaitable, Callable

from litestar.types import ASGIApp, Receive, Scope, Send

from app.config.keyring import Principal
from app.downstream.guards import note_principal

PATH = "/mcp"
Post = Callable[[Scope, Receive, Send, Principal], Awaitable[None]]


def with_lane(app: ASGIApp, post: Post, admits: Callable[[Scope], Principal | None]) -> ASGIApp:
    """`app`, but that a POST to the endpoint by a caller whom `admits` knows goes to `post` at once."""

    def front(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            principal = admits(scope)
            if principal is not None:
                note_principal(scope, principal)
                return post(scope, receive, send, principal)
        return app(scope, receive, send)

    return front
