"""A stand-in for a Cloudflare Tunnel: HTTP/2 and TLS on one side, HTTP/1.1 to the origin on the other.

Its limits and headers are those that Cloudflare documents: an answer of which nothing comes for 100 s is given up (524
before its head, a reset after it); cloudflared keeps at most 100 idle connections to the origin for 90 s each; request
bodies are gathered first; answers are passed on as they come only where they are event streams, or do not say how long
they are. It repeats nothing.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from tests.support.wire import Answer, Wire

IDLE = 100.0
KEPT, KEPT_FOR = 100, 90.0
HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "te", "content-length"})
SAID = frozenset({"cf-connecting-ip", "cf-ray", "cf-visitor", "x-forwarded-proto", "x-forwarded-for", "cdn-loop"})


@dataclass
class Tunnel:
    """`client` is who Cloudflare says the client is."""

    origin: tuple[str, int]
    idle: float = IDLE
    client: str = "203.0.113.7"
    holds_gets: bool = False
    """As quick tunnels do: the answer to a GET is passed on once it is whole."""
    port: int = 0
    opened: int = 0
    """Connections to the origin."""
    gaps: dict[str, float] = field(default_factory=dict)
    """Method and path to the longest time in which nothing came from the origin."""
    _kept: list[tuple[Wire, float]] = field(default_factory=list)

    async def connected(self, host: str) -> Wire:
        """A kept connection, or another one."""
        now = asyncio.get_running_loop().time()
        while self._kept:
            wire, since = self._kept.pop()
            if now - since < KEPT_FOR:
                wire.host = host
                return wire
            await wire.close()
        self.opened += 1
        wire = await Wire.connect(*self.origin, self.idle)
        wire.host = host
        return wire

    async def keep(self, wire: Wire) -> None:
        if len(self._kept) < KEPT:
            self._kept.append((wire, asyncio.get_running_loop().time()))
        else:
            await wire.close()

    async def sweep(self) -> None:
        """Closes what was kept for long enough, until cancelled, and all at the end."""
        try:
            while True:
                await asyncio.sleep(1)
                old = [kept for kept in self._kept if asyncio.get_running_loop().time() - kept[1] >= KEPT_FOR]
                self._kept = [kept for kept in self._kept if kept not in old]
                for wire, _ in old:
                    await wire.close()
        finally:
            for wire, _ in self._kept:
                wire.writer.close()


@asynccontextmanager
async def tunnel(
    origin: tuple[str, int], certificate: Path, *, idle: float = IDLE, holds_gets: bool = False
) -> AsyncIterator[Tunnel]:
    """Listens on a free port of this machine; `certificate`: with its key, in one file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    made = Tunnel(origin, idle, holds_gets=holds_gets)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Connection(made, reader, writer).run()
        except* (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    async with asyncio.TaskGroup() as tasks:
        sweeper = tasks.create_task(made.sweep())
        try:
            yield made
        finally:
            server.close()
            sweeper.cancel()


class _Connection:
    """One client's connection: a task for each of its requests."""

    def __init__(self, owner: Tunnel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._owner, self._reader, self._writer = owner, reader, writer
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._asked: dict[int, list[tuple[str, str]]] = {}
        self._bodies: dict[int, bytearray] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._begun = set[int]()
        self._room = asyncio.Event()

    async def run(self) -> None:
        self._h2.initiate_connection()
        await self._flush()
        async with asyncio.TaskGroup() as group:
            try:
                while data := await self._reader.read(65536):
                    for event in self._h2.receive_data(data):
                        self._take(event, group)
                    await self._flush()
            finally:
                for task in self._tasks.values():
                    task.cancel()

    def _take(self, event: h2.events.Event, group: asyncio.TaskGroup) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream)):
                self._asked[stream] = cast("list[tuple[str, str]]", event.headers)
                self._bodies[stream] = bytearray()
            case h2.events.DataReceived(stream_id=int(stream)):
                self._bodies[stream] += event.data or b""
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            case h2.events.StreamEnded(stream_id=int(stream)):
                self._tasks[stream] = group.create_task(self._carry(stream))
            case h2.events.StreamReset(stream_id=int(stream)):
                if task := self._tasks.get(stream):
                    task.cancel()
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self._room.set()
            case _:
                pass

    async def _carry(self, stream: int) -> None:
        asked, body = self._asked.pop(stream), bytes(self._bodies.pop(stream))
        pseudo = {name: value for name, value in asked if name.startswith(":")}
        where = f"{pseudo[':method']} {pseudo[':path']}"
        wire: Wire | None = None
        try:
            wire = await self._owner.connected(pseudo[":authority"])
            sent = None if pseudo[":method"] in ("GET", "DELETE") and not body else body
            answer = await wire.ask(pseudo[":method"], pseudo[":path"], self._forwarded(asked), sent)
            await self._pass_on(stream, where, answer, wire)
            if (answer.header("connection") or "").lower() != "close":
                await self._owner.keep(wire)
                wire = None
        except TimeoutError:
            await self._fail(stream, 524, begun=stream in self._begun)
        except (ConnectionError, asyncio.IncompleteReadError, OSError):
            await self._fail(stream, 502, begun=stream in self._begun)
        finally:
            self._tasks.pop(stream, None)
            if wire:
                wire.writer.close()

    def _forwarded(self, asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """What the client sent but for what Cloudflare says itself; `X-Forwarded-For` is added to."""
        passed = [(n, v) for n, v in asked if not n.startswith(":") and n not in HOP and n not in SAID]
        before = [value for name, value in asked if name == "x-forwarded-for"]
        return [
            *passed,
            ("CF-Connecting-IP", self._owner.client),
            ("CF-Ray", "8f0a1b2c3d4e5f60-FRA"),
            ("CF-Visitor", '{"scheme":"https"}'),
            ("CDN-Loop", "cloudflare; loops=1"),
            ("X-Forwarded-For", ", ".join([*before, self._owner.client])),
            ("X-Forwarded-Proto", "https"),
        ]

    async def _pass_on(self, stream: int, where: str, answer: Answer, wire: Wire) -> None:
        headers = [(":status", str(answer.status))]
        headers += [(name.lower(), value) for name, value in answer.headers if name.lower() not in HOP]
        streamed = (answer.is_stream or answer.header("content-length") is None) and not (
            self._owner.holds_gets and where.startswith("GET")
        )
        if streamed:
            self._begun.add(stream)
            self._h2.send_headers(stream, headers)
            await self._flush()
        gathered, last = bytearray(), asyncio.get_running_loop().time()
        async for piece in wire.pieces():
            now = asyncio.get_running_loop().time()
            self._owner.gaps[where] = max(now - last, self._owner.gaps.get(where, 0.0))
            last = now
            if streamed:
                await self._send(stream, piece)
            else:
                gathered += piece
        if not streamed:
            self._begun.add(stream)
            self._h2.send_headers(stream, headers)
            await self._send(stream, bytes(gathered))
        self._h2.end_stream(stream)
        await self._flush()

    async def _send(self, stream: int, data: bytes) -> None:
        while data:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            self._h2.send_data(stream, data[:room])
            data = data[room:]
            await self._flush()

    async def _fail(self, stream: int, status: int, *, begun: bool) -> None:
        with suppress(h2.exceptions.ProtocolError):
            if begun:
                self._h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            else:
                self._h2.send_headers(stream, [(":status", str(status)), ("content-type", "text/html")])
                self._h2.send_data(stream, f"error code: {status}".encode(), end_stream=True)
            await self._flush()

    async def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)
            await self._writer.drain()
