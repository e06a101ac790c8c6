"""How one upstream session comes to be: which wire, which era first, and what follows a refusal.

Opens and closes transports; keeps nothing. The rules are those of `era` in the config: a stdio server gets `initialize`
first, a remote one `server/discover` (DESIGN.md rule 3, PROTOCOL.md section 5, RELIABILITY.md F04).
"""

import gc
import importlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Literal, Protocol, TypeVar, cast

import anyio
import anyio.to_thread
import msgspec

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.upstream import sdk
from app.upstream.connection import Connection
from app.upstream.errors import EraRefused, HttpRefusal, UpstreamError
from app.upstream.negotiated import Negotiated
from app.upstream.transport import Transport
from app.upstream.verdicts import Verdict

# Longer than a live server thinks, shorter than a person waits.
PROBE_TIMEOUT = 3.0
# Longer than connecting may take: a host that cannot be reached is no silent server, and is said so within 5 s (F46).
REMOTE_PROBE_TIMEOUT = 5.0
# What an HTTP+SSE endpoint answers to a POST of `initialize` (2025-03-26, backwards compatibility).
_NOT_STREAMABLE = frozenset({400, 404, 405})

# The capabilities of a session that several share, or nobody stands behind.
NOTHING = b"{}"

T = TypeVar("T")
Wire = Literal["stdio", "http", "sse"]
TransportFactory = Callable[[ServerSpec, Wire, Era], Transport]


class Opened(msgspec.Struct, frozen=True):
    """A session ready for use. `other`: whether the server has the other era; None when nobody knows."""

    connection: Connection
    negotiated: Negotiated
    other: bool | None
    sse: bool = False

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.negotiated.era, self.other, self.sse)


class Opener:
    """Opens sessions of one server. What it raises is `UpstreamError`; what it opened and could not use is closed."""

    def __init__(self, spec: ServerSpec, transports: TransportFactory) -> None:
        self._spec = spec
        self._transports = transports

    async def first(self, verdict: Verdict | None) -> Opened:
        """The session that a server starts with, in the era that `era` and the kept verdict lead to."""
        match self._spec.era:
            case "legacy":
                return await self._legacy(other=False, sse=bool(verdict and verdict.sse))
            case "modern":
                return await self._modern(other=False)
            case "auto" | "mirror" if self._spec.kind == "sse":
                return await self._legacy(other=False)
            case "auto" if not self._spec.remote:
                return await self._stdio_auto()
            case "auto" | "mirror":
                return await self._probing(verdict)

    async def another(self, era: Era, sse: bool = False, capabilities: bytes = NOTHING) -> Opened:
        """One more session in a given era. Raises `EraRefused` where the server has not got it.

        `capabilities`: the JSON object of those that a legacy session declares; a modern one declares none of its own.
        """
        return await (self._modern(None) if era is Era.MODERN else self._legacy(None, sse, capabilities))

    async def _probing(self, verdict: Verdict | None) -> Opened:
        if verdict and verdict.first is Era.LEGACY and verdict.other is False:
            try:
                return await self._legacy(other=False, sse=verdict.sse)
            except EraRefused:
                # The server is another one than it was: found out again below.
                verdict = None
        other = verdict.other if verdict and verdict.first is Era.MODERN else None
        try:
            return await self._modern(other)
        except EraRefused as refused:
            # Silence from afar may be a slow start: whether the modern era is there stays open until somebody wants it.
            silent = self._spec.remote and refused.fault.kind is Kind.TIMEOUT
            try:
                return await self._legacy(other=None if silent else False)
            except EraRefused as again:
                raise again from refused
        except UpstreamError as error:
            # Older stdio servers exit on any first message but `initialize`: that is an answer, and no crash.
            if self._spec.remote or error.fault.kind is not Kind.CLOSED:
                raise
            return await self._legacy(other=False)

    async def _stdio_auto(self) -> Opened:
        connection = await self._connect("stdio", Era.LEGACY)
        return await _or_close(connection, self._initialize_else_discover(connection))

    async def _initialize_else_discover(self, connection: Connection) -> Opened:
        steps = await _steps()
        try:
            return Opened(connection, await steps.initialize(connection), False)
        except EraRefused as refused:
            try:
                return Opened(connection, await steps.discover(connection, PROBE_TIMEOUT), False)
            except UpstreamError:
                raise refused from None

    async def _modern(self, other: bool | None) -> Opened:
        if self._spec.kind == "sse":
            raise EraRefused(_fault(self._spec, "is reached over HTTP+SSE, which has no modern revision"))
        connection = await self._connect("http" if self._spec.remote else "stdio", Era.MODERN)

        async def probe() -> Opened:
            limit = REMOTE_PROBE_TIMEOUT if self._spec.remote else PROBE_TIMEOUT
            found = await (await _steps()).discover(connection, limit)
            return Opened(connection, found, True if found.legacy_too and other is None else other)

        return await _or_close(connection, probe())

    async def _legacy(self, other: bool | None, sse: bool = False, told: bytes = NOTHING) -> Opened:
        match self._spec.kind:
            case "stdio":
                return await self._initialized("stdio", other, told)
            case "http":
                return await self._initialized("http", other, told)
            case "sse":
                return await self._initialized("sse", other, told)
            case "auto" if sse:
                return await self._initialized("sse", other, told)
            case "auto":
                try:
                    return await self._initialized("http", other, told)
                except UpstreamError as error:
                    if not (isinstance(error.fault, HttpRefusal) and error.fault.status in _NOT_STREAMABLE):
                        raise
                    try:
                        return await self._initialized("sse", other, told)
                    except UpstreamError:
                        # The URL is neither; what Streamable HTTP said is the better clue.
                        raise error from None

    async def _initialized(self, wire: Wire, other: bool | None, told: bytes) -> Opened:
        connection = await self._connect(wire, Era.LEGACY)

        if told != NOTHING:
            # A client stands behind this session: what the server asks from here on waits for its first call.
            connection.inquiries.attribute = lambda: None

        async def shake() -> Opened:
            found = await (await _steps()).initialize(connection, msgspec.json.decode(told))
            return Opened(connection, found, other, wire == "sse")

        return await _or_close(connection, shake())

    async def _connect(self, wire: Wire, era: Era) -> Connection:
        transport = self._transports(self._spec, wire, era)
        connection = Connection(transport, self._spec.name, era, remote=self._spec.remote)
        await _or_close(connection, transport.open(connection))
        return connection


async def _or_close(connection: Connection, step: Awaitable[T]) -> T:
    """The step's value; whatever ends it otherwise, cancellation included, leaves no transport behind."""
    done = False
    try:
        value = await step
        done = True
    finally:
        if not done:
            with anyio.CancelScope(shield=True):
                await connection.transport.close()
    return value


class _Steps(Protocol):
    """What `negotiate.py` has."""

    async def initialize(self, connection: Connection, capabilities: dict[str, Any] | None = None) -> Negotiated: ...

    async def discover(self, connection: Connection, timeout: float) -> Negotiated: ...


async def _steps() -> _Steps:
    """The module with the SDK, loaded off the loop: other servers start and health is answered meanwhile."""
    return cast(_Steps, await anyio.to_thread.run_sync(_load_steps))


@cache
def _load_steps() -> object:
    sdk.enter()
    steps = importlib.import_module("app.upstream.negotiate")
    # What an import leaves lives for ever; a full collection of it would stall every call, twice a second under load.
    gc.freeze()
    return steps


def _fault(spec: ServerSpec, what: str) -> Fault:
    return Fault(Kind.PROTOCOL, f"Server '{spec.name}' {what}.", server=spec.name)
