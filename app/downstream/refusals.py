"""What ends a request before it is an MCP message, as plain JSON: one body for every cause of one status.

Litestar's own exceptions (no route, wrong method) and whatever nothing expected end here too.
"""

import logging
from collections.abc import Callable
from math import ceil
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from app.downstream.faults import NOT_FOUND, plain, to_plain
from app.protocol.faults import Fault, Kind

log = logging.getLogger("app.downstream")
Incoming = Request[Any, Any, Any]
_NAMES = {400: "bad_request", 405: "method_not_allowed"}


class Refused(Exception):
    """Raised by guards: the request goes no further."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def headers_of(fault: Fault) -> dict[str, str]:
    """What goes with the answer to a request that is refused."""
    headers = {"www-authenticate": "Bearer"} if fault.kind is Kind.UNAUTHENTICATED else {}
    if fault.retry_after is not None:
        headers["retry-after"] = str(ceil(fault.retry_after))
    return headers


def _refused(_: Incoming, error: Refused) -> Response[bytes]:
    return _json(error.fault.row.modern, to_plain(error.fault), headers_of(error.fault))


def _of_litestar(_: Incoming, error: HTTPException) -> Response[bytes]:
    if error.status_code == 404:
        return _json(404, NOT_FOUND)
    # Litestar's order is a set's, another one at each start.
    allow = ", ".join(sorted(((error.headers or {}).get("allow") or "").split(", ")))
    name = _NAMES.get(error.status_code, "error")
    body = plain(name, f"Allowed here: {allow}" if allow else "The request cannot be served.")
    return _json(error.status_code, body, {"allow": allow} if allow else None)


def _unexpected(request: Incoming, error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return _json(500, plain("internal", "The gateway failed; its log says why."))


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(body, status_code=status, media_type="application/json", headers=headers)


HANDLERS: dict[int | type[Exception], Callable[[Incoming, Any], Response[bytes]]] = {
    Refused: _refused,
    HTTPException: _of_litestar,
    Exception: _unexpected,
}
