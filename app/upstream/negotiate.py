"""The handshake of each era, done by the SDK's `ClientSession` over our connection.

One of the two modules that import `mcp`, which takes a second of CPU: `opening.py` loads it in a thread while the
first children start. Which era to try, and what follows a refusal, is decided there (PROTOCOL.md sections 5, 9.2).
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation
from pydantic import ValidationError

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.versions import LEGACY_VERSIONS, Era
from app.relay.catalog import Hint, Members
from app.relay.hints import read_hint
from app.upstream.connection import Connection
from app.upstream.dispatcher import ConnectionDispatcher
from app.upstream.errors import EraRefused, HttpRefusal, UpstreamError
from app.upstream.negotiated import Negotiated

# Statuses that speak of the caller or of the moment, not of the protocol.
_NO_VERDICT = frozenset({401, 403, 407, 429, 502, 503, 504})


class _Handshake(msgspec.Struct, rename="camel"):
    """The members that `initialize` and `server/discover` results share, undecoded."""

    capabilities: Members = {}
    instructions: str | None = None
    server_info: msgspec.Raw = msgspec.Raw(b"{}")
    supported_versions: list[str] = []


def _client_info() -> Implementation:
    try:
        return Implementation(name="mcp-proxy", version=version("mcp-proxy"))
    except PackageNotFoundError:
        return Implementation(name="mcp-proxy", version="0")


async def initialize(connection: Connection, capabilities: dict[str, Any] | None = None) -> Negotiated:
    """Shake hands in the legacy era; afterwards the connection speaks the revision agreed on.

    Raises `EraRefused` when the server says no, `UpstreamError` when it cannot be asked or answers nonsense.
    """
    dispatcher = ConnectionDispatcher(connection, None, capabilities or {})
    session = ClientSession(dispatcher=dispatcher, client_info=_client_info())
    failure: Exception | None = None
    async with session:
        # Caught inside: what leaves the session's task group would arrive wrapped in an exception group.
        try:
            await session.initialize()
        except (MCPError, UpstreamError, ValidationError, RuntimeError) as error:
            failure = error
    if failure or session.initialize_result is None:
        raise _to_upstream_error(connection, "initialize", failure)
    agreed = session.initialize_result.protocol_version
    connection.adopt(Era.LEGACY, agreed)
    return _negotiated(connection, Era.LEGACY, agreed, dispatcher.results["initialize"])


async def discover(connection: Connection, timeout: float, capabilities: dict[str, Any] | None = None) -> Negotiated:
    """Probe for the modern era, at most `timeout` seconds; on success the connection speaks it.

    Raises `EraRefused` for everything that is an answer but not a modern one, silence included; `UpstreamError` when
    the server could not be reached at all.
    """
    dispatcher = ConnectionDispatcher(connection, timeout, capabilities or {})
    session = ClientSession(dispatcher=dispatcher, client_info=_client_info())
    failure: Exception | None = None
    async with session:
        try:
            await session.discover()
        except (MCPError, UpstreamError, ValidationError, RuntimeError) as error:
            failure = error
    agreed = session.protocol_version
    if failure or session.discover_result is None or agreed is None:
        raise _to_upstream_error(connection, "server/discover", failure)
    connection.adopt(Era.MODERN, agreed)
    return _negotiated(connection, Era.MODERN, agreed, dispatcher.results["server/discover"])


def _negotiated(connection: Connection, era: Era, agreed: str, raw: msgspec.Raw) -> Negotiated:
    found = msgspec.json.decode(raw, type=_Handshake)
    connection.unasked.logs.offered = "logging" in found.capabilities
    legacy_too = any(known in found.supported_versions for known in LEGACY_VERSIONS)
    hint = read_hint(members_of(raw) or {}) if era is Era.MODERN else Hint()
    return Negotiated(era, agreed, found.capabilities, found.instructions or "", found.server_info, legacy_too, hint)


def _to_upstream_error(connection: Connection, method: str, failure: Exception | None) -> UpstreamError:
    server, detail = connection.server, f"{method}: {failure!r}"
    if isinstance(failure, UpstreamError):
        fault = failure.fault
        if isinstance(fault, HttpRefusal):
            refused = fault.status not in _NO_VERDICT
        else:
            refused = fault.kind in {Kind.TIMEOUT, Kind.PROTOCOL} and not connection.fault
        return EraRefused(fault, failure.detail) if refused else failure
    if isinstance(failure, MCPError):
        refusal = Fault(Kind.PROTOCOL, f"Server '{server}' refused {method} (error {failure.code}).", server=server)
        return EraRefused(refusal, detail)
    nonsense = f"Server '{server}' answered {method} in a way no revision of MCP has."
    return EraRefused(Fault(Kind.PROTOCOL, nonsense, server=server), detail)
