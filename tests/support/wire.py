"""HTTP/1.1 and MCP as bytes: what a test sends is exactly what goes out, and what it reads is exactly what came back.

No HTTP library in between, so that malformed requests can be sent and every byte of an answer seen. `Wire` is one
connection; `Caller` speaks MCP of one era as one client over it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

# Seconds any single read may take on a machine that is busy; what is promised sooner is measured.
PATIENCE = 30.0
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
BOTH = "application/json, text/event-stream"

Headers = Sequence[tuple[str, str]]
Json = dict[str, Any]


@dataclass
class Answer:
    """One HTTP answer. `body` is empty until it was read."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} was sent {len(found)} times: {found}"
        return found[0] if found else None

    def json(self) -> Any:
        assert (self.header("content-type") or "").startswith("application/json"), self
        return json.loads(self.body)

    @property
    def is_stream(self) -> bool:
        return (self.header("content-type") or "").startswith("text/event-stream")


@dataclass
class Wire:
    """One connection to the gateway; after each answer was read whole it can carry the next request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str
    patience: float = PATIENCE
    left: int | None = field(default=0)
    chunked: bool = False

    @classmethod
    async def connect(cls, host: str, port: int, patience: float = PATIENCE, source: str | None = None) -> Self:
        """`source`: the address to come from; every one of 127.0.0.0/8 is this machine's."""
        local = (source, 0) if source else None
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 20, local_addr=local)
        return cls(reader, writer, f"{host}:{port}", patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        # Not `wait_for`: Python 3.11 has it swallow a cancellation that comes together with the result.
        async with asyncio.timeout(self.patience):
            await self.writer.drain()

    async def ask(self, method: str, path: str, headers: Headers = (), body: bytes | None = None) -> Answer:
        """Sends one request with `Host` and, with a body, `Content-Length`; reads the answer's head."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))
        return await self.head()

    async def request(self, method: str, path: str, headers: Headers = (), body: bytes | None = None) -> Answer:
        """The same, and the whole body read."""
        answer = await self.ask(method, path, headers, body)
        answer.body = b"".join([piece async for piece in self.pieces()])
        return answer

    async def head(self) -> Answer:
        async with asyncio.timeout(self.patience):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        status, *fields = raw.decode("latin-1").split("\r\n")[:-2]
        pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in fields)]
        answer = Answer(int(status.split(" ")[1]), pairs)
        length = answer.header("content-length")
        self.chunked = (answer.header("transfer-encoding") or "").lower() == "chunked"
        empty = answer.status in (204, 304) or answer.status < 200
        self.left = 0 if empty else int(length) if length is not None else None
        return answer

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body in the pieces it arrives in, to its end."""
        while True:
            async with asyncio.timeout(self.patience):
                piece = await self._piece()
            if not piece:
                return
            yield piece

    async def _piece(self) -> bytes:
        if self.chunked:
            size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
            data = await self.reader.readexactly(size + 2)
            return data[:-2]
        if self.left is None:
            return await self.reader.read(65536)
        data = await self.reader.read(min(self.left, 65536)) if self.left else b""
        assert data or not self.left, "the connection was closed inside a body"
        self.left -= len(data)
        return data

    async def messages(self) -> AsyncIterator[Json]:
        """The JSON messages of an SSE body as they arrive, comments and empty events left out, to its end."""
        buffer = b""
        async for piece in self.pieces():
            buffer = (buffer + piece).replace(b"\r\n", b"\n")
            *events, buffer = buffer.split(b"\n\n")
            for event in events:
                data = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
                if any(data):
                    yield json.loads(b"\n".join(data))
        assert not buffer.strip(), f"the stream ended inside an event: {buffer[:100]!r}"


@dataclass
class Reply:
    """What came back for one JSON-RPC request: the answer, its message, and the notifications before it."""

    answer: Answer
    message: Json
    notices: list[Json]

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def result(self) -> Json:
        assert "result" in self.message, f"HTTP {self.status}: {self.message}"
        return self.message["result"]

    @property
    def error(self) -> Json:
        assert "error" in self.message, f"HTTP {self.status}: {self.message}"
        return self.message["error"]

    @property
    def text(self) -> str:
        return self.result["content"][0]["text"]


@dataclass
class Caller:
    """One client: an address, a key, an era. A legacy one has a session after `initialize`, and works without."""

    host: str
    port: int
    key: str | None
    era: str = "legacy"
    path: str = "/mcp"
    version: str | None = None
    session: str | None = None
    patience: float = PATIENCE
    accept: str = BOTH
    last_id: int = 0
    source: str | None = None

    def headers(self, method: str = "", params: Json | None = None) -> list[tuple[str, str]]:
        """The headers a well-behaved client of this era sends with `method`."""
        found = [("Content-Type", "application/json"), ("Accept", self.accept)]
        if self.key is not None:
            found.append(("Authorization", f"Bearer {self.key}"))
        if self.era == "modern":
            found += [("MCP-Protocol-Version", self.version or MODERN), ("Mcp-Method", method)]
            if method in ("tools/call", "prompts/get"):
                found.append(("Mcp-Name", to_header(str((params or {}).get("name", "")))))
            if method == "resources/read":
                found.append(("Mcp-Name", to_header(str((params or {}).get("uri", "")))))
        elif self.version and method != "initialize":
            found.append(("MCP-Protocol-Version", self.version))
        if self.session:
            found.append(("Mcp-Session-Id", self.session))
        return found

    def body(self, method: str, params: Json | None, ident: object) -> Json:
        """The message a well-behaved client of this era sends."""
        message: Json = {"jsonrpc": "2.0", "method": method}
        if ident is not None:
            message["id"] = ident
        if self.era == "modern":
            meta = {META + "protocolVersion": self.version or MODERN, META + "clientCapabilities": {}}
            params = {**(params or {}), "_meta": {**meta, **(params or {}).get("_meta", {})}}
        if params is not None:
            message["params"] = params
        return message

    async def wire(self) -> Wire:
        return await Wire.connect(self.host, self.port, self.patience, self.source)

    async def post(self, raw: bytes, headers: Headers | None = None, path: str | None = None) -> Answer:
        """One POST of exactly these bytes on a connection of its own."""
        async with await self.wire() as wire:
            sent = self.headers() if headers is None else headers
            return await wire.request("POST", path or self.path, sent, raw)

    async def ask(
        self, method: str, params: Json | None = None, *, ident: object = ..., wire: Wire | None = None
    ) -> Reply:
        """One request to its answer, on `wire` or on a connection of its own."""
        if wire is None:
            async with await self.wire() as fresh:
                return await self.ask(method, params, ident=ident, wire=fresh)
        number = self.fresh_id() if ident is ... else ident
        raw = json.dumps(self.body(method, params, number)).encode()
        answer = await wire.ask("POST", self.path, self.headers(method, params), raw)
        return await read_reply(wire, answer, number)

    async def call(self, name: str, arguments: Json | None = None, *, wire: Wire | None = None, **more: Any) -> Reply:
        return await self.ask("tools/call", {"name": name, "arguments": arguments or {}, **more}, wire=wire)

    @asynccontextmanager
    async def open(self, method: str, params: Json | None = None, *, ident: object = ...) -> AsyncIterator[Wire]:
        """Sends a request and leaves its answer unread; leaving the block hangs up."""
        number = self.fresh_id() if ident is ... else ident
        raw = json.dumps(self.body(method, params, number)).encode()
        async with await self.wire() as wire:
            lines = [f"POST {self.path} HTTP/1.1", f"Host: {wire.host}", f"Content-Length: {len(raw)}"]
            lines += [f"{name}: {value}" for name, value in self.headers(method, params)]
            await wire.send(("\r\n".join(lines) + "\r\n\r\n").encode() + raw)
            yield wire

    async def notify(self, method: str, params: Json | None = None) -> Answer:
        return await self.post(json.dumps(self.body(method, params, None)).encode(), self.headers(method, params))

    async def initialize(self, version: str = "2025-11-25", capabilities: Json | None = None) -> Reply:
        """The handshake; the session id of the answer is used from then on."""
        info = {"name": "wire", "version": "1"}
        params = {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": info}
        reply = await self.ask("initialize", params)
        self.session = reply.answer.header("mcp-session-id")
        self.version = reply.result["protocolVersion"]
        assert (await self.notify("notifications/initialized")).status == 202
        return reply

    def fresh_id(self) -> int:
        self.last_id += 1
        return self.last_id


async def read_reply(wire: Wire, answer: Answer, ident: object) -> Reply:
    """Reads the rest of an answer, JSON or SSE, and checks that it answers `ident` and nothing else."""
    if not answer.is_stream:
        answer.body = b"".join([piece async for piece in wire.pieces()])
        message = answer.json()
        assert message.get("id") == ident, f"{message} to {ident!r}, with {answer.headers}"
        return Reply(answer, message, [])
    seen = [message async for message in wire.messages()]
    *notices, last = seen
    assert last.get("id") == ident, last
    assert all("id" not in notice for notice in notices), notices
    return Reply(answer, last, notices)


_numbers = count(1)


def fresh_address() -> str:
    """A loopback address that no other client of this process has: limits are per address."""
    number = next(_numbers)
    return f"127.{1 + number // 65025 % 250}.{number // 255 % 255}.{1 + number % 254}"


def to_header(value: str) -> str:
    """The header form of a mirrored value (2026-07-28, "Value Encoding")."""
    plain = value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?base64?")
    return value if plain else f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def names(items: Iterable[Json], key: str = "name") -> list[str]:
    return [item[key] for item in items]


async def until(happened: Callable[[], Awaitable[bool]], what: str, seconds: float = PATIENCE) -> None:
    """Asks again and again until it has happened in another process; says what did not."""
    try:
        async with asyncio.timeout(seconds):
            while not await happened():  # noqa: ASYNC110 - no event of ours tells
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None
