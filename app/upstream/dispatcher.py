"""Lends one of our connections to the SDK's `ClientSession`, for as long as a negotiation takes.

Writes the client capabilities itself: a shared session declares none, whatever the SDK would say (DESIGN.md rule 4).
Keeps the raw result of each method, because the SDK's models drop what they do not know. Not for relaying.
"""

from collections.abc import Mapping
from typing import Any

import anyio
import anyio.abc
import msgspec
from mcp.shared.dispatcher import CallOptions, OnNotify, OnNotifyIntercept, OnRequest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from app.relay.events import PeerError
from app.upstream.connection import Connection

CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


class ConnectionDispatcher:
    """The SDK's `Dispatcher` protocol over a `Connection`.

    A server's own error is raised as `MCPError`, as the SDK expects; a failure of the wire as `UpstreamError`, which
    the SDK lets pass. `timeout` is ours and replaces the SDK's, in seconds.
    """

    def __init__(self, connection: Connection, timeout: float | None, capabilities: Mapping[str, Any]) -> None:
        self._connection = connection
        self._timeout = timeout
        self._capabilities = dict(capabilities)
        self.results: dict[str, msgspec.Raw] = {}

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        body = msgspec.json.encode(self._with_our_capabilities(params or {}))
        outcome = await self._connection.ask(method, body, (opts or {}).get("headers"), self._timeout)
        if isinstance(outcome, PeerError):
            raise _to_mcp_error(outcome.raw)
        self.results[method] = outcome.raw
        try:
            return msgspec.json.decode(outcome.raw, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise MCPError(INTERNAL_ERROR, f"unreadable result: {error}") from error

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        body = msgspec.json.encode(params) if params else b""
        self._connection.notify(method, body, (opts or {}).get("headers"))

    async def run(
        self,
        on_request: OnRequest,  # noqa: ARG002 (the connection answers servers itself)
        on_notify: OnNotify,  # noqa: ARG002 (as above: the signature is the SDK's)
        on_notify_intercept: OnNotifyIntercept | None = None,  # noqa: ARG002 (as above)
        *,
        task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """The connection has its own pump; this only lives as long as the session."""
        task_status.started()
        await anyio.sleep_forever()

    def _with_our_capabilities(self, params: Mapping[str, Any]) -> dict[str, Any]:
        written = dict(params)
        if "capabilities" in written:
            written["capabilities"] = self._capabilities
        meta = written.get("_meta")
        if isinstance(meta, dict) and CLIENT_CAPABILITIES in meta:
            written["_meta"] = {**meta, CLIENT_CAPABILITIES: self._capabilities}
        return written


def _to_mcp_error(raw: msgspec.Raw) -> MCPError:
    """A server's error object, however odd, as the SDK's exception."""

    class Shape(msgspec.Struct):
        code: int = INTERNAL_ERROR
        message: str = ""
        data: Any = None

    try:
        error = msgspec.json.decode(raw, type=Shape)
    except (msgspec.DecodeError, RecursionError):
        error = Shape()
    return MCPError(error.code, error.message, error.data)
