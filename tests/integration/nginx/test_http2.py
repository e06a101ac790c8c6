"""HTTP/2 at the TLS listener, spoken by hand: what a client can do to streams (B22)."""

import asyncio
import json
import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app.edge.render import render
from app.edge.settings import EdgeSettings
from app.serve.handover import EDGE_SOCKET
from app.serve.nginx import environment, find, sources, unprivileged, version
from tests.support.gateway import KEY, Gateway, free_port, started_gateway
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.tls import certificate
from tests.support.wire import Caller, until

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
CANCEL = struct.pack(">I", 8)
HOST = "gateway.test"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def fields(*pairs: tuple[str, str]) -> bytes:
    """HPACK without its tables: each field a literal that is never indexed."""
    packed = b""
    for name, value in pairs:
        for text in (name.encode(), value.encode()):
            assert len(text) < 127
        packed += b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return packed


def call(stream: int, label: str) -> bytes:
    """A whole `tools/call` that the server holds, of the revision in which a closed stream ends its call."""
    caller = Caller(HOST, 0, KEY, "modern")
    params = {"name": "bench__hold", "arguments": {"label": label}}
    body = json.dumps(caller.body("tools/call", params, stream)).encode()
    head = fields(
        (":method", "POST"), (":scheme", "https"), (":path", "/mcp"), (":authority", HOST),
        *((name.lower(), value) for name, value in caller.headers("tools/call", params)),
    )  # fmt: skip
    return frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, END_STREAM, stream, body)


class Http2:
    """One connection; reads only what tells whether it lives."""

    def __init__(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection(("127.0.0.1", port), 10)
        self.wire = context.wrap_socket(raw, server_hostname=HOST)
        assert self.wire.selected_alpn_protocol() == "h2"
        self.wire.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))

    def frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Until the connection is closed."""
        buffer = b""
        while True:
            while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3])):
                kind, flags, stream = struct.unpack(">BBI", buffer[3:9])
                yield kind, flags, stream, buffer[9 : 9 + size]
                buffer = buffer[9 + size :]
            try:
                piece = self.wire.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return
            if not piece:
                return
            buffer += piece


@contextmanager
def served() -> Iterator[tuple[Gateway, int]]:
    """A gateway, and the port of an nginx before it that speaks TLS."""
    binary = find()
    assert binary
    with tempfile.TemporaryDirectory(prefix="h2-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = {"mcpServers": {"bench": workbench("bench")}}
        with started_gateway(config, keys={KEY: "one"}, env={EDGE_SOCKET: f"{folder}/app.sock"}) as gateway:
            port, made, user = free_port(), str(certificate(folder, HOST)), unprivileged()
            chosen = EdgeSettings(
                listen=(("127.0.0.1", gateway.port),), listen_tls=(("127.0.0.1", port),), variant="tls",
                domains=(HOST,), certificate=(made, made), webroot=name, socket=f"{name}/app.sock",
                runtime=name, max_body=1 << 20,
                version=version(binary), user=user[:2] if user else None, access_log=False,
            )  # fmt: skip
            for file, text in render(sources("tls"), chosen).items():
                (folder / file).parent.mkdir(exist_ok=True)
                (folder / file).write_text(text)
            command = [binary, "-e", "stderr", "-p", name, "-c", f"{name}/nginx.conf", "-g", "daemon off;"]
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen(command, env=environment(()), stdout=log, stderr=log)
            try:
                eventually(lambda: (folder / "app.sock").exists() and (folder / "nginx.pid").exists(), what="both")
                yield gateway, port
            finally:
                process.terminate()
                process.wait(30)


async def journal(gateway: Gateway) -> list[str]:
    """What the server saw of its calls; over the control socket no nginx is in the way."""
    reader, writer = await asyncio.open_unix_connection(str(gateway.control_socket))
    body = json.dumps(Caller("", 0, None).body("tools/call", {"name": "bench__journal", "arguments": {}}, 1)).encode()
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return json.loads(json.loads(answer.partition(b"\r\n\r\n")[2])["result"]["content"][0]["text"])


async def test_b22_a_thousand_streams_reset_at_once_leave_no_call_and_harm_nobody() -> None:
    with served() as (gateway, port):
        await until(lambda: _lists(port), "listed", 60)
        wild = await asyncio.to_thread(Http2, port)
        with wild.wire:
            for first in range(1, 1000, 200):
                # A hundred that have come to the server: nginx takes 128 at once.
                hundred = range(first, first + 200, 2)
                await asyncio.to_thread(wild.wire.sendall, b"".join(call(n, f"wild-{n}") for n in hundred))
                await until(lambda last=hundred[-1]: _started(gateway, last), "started", 60)
                resets = b"".join(frame(RST_STREAM, 0, number, CANCEL) for number in hundred)
                await asyncio.to_thread(wild.wire.sendall, resets)
            sent = b"".join(
                call(number, f"wild-{number}") + frame(RST_STREAM, 0, number, CANCEL) for number in range(1001, 2001, 2)
            )
            with suppress(OSError):  # it may have had enough
                await asyncio.to_thread(wild.wire.sendall, sent)
        assert await _lists(port), "somebody else's connection"

        async def settled() -> bool:
            seen = await journal(gateway)
            started = {line.removeprefix("started ") for line in seen if line.startswith("started wild")}
            over = {line.removeprefix("cancelled ") for line in seen if line.startswith("cancelled wild")}
            return len(started) >= 500 and started == over

        await until(settled, "as many cancelled as started")


async def _started(gateway: Gateway, number: int) -> bool:
    return f"started wild-{number}" in await journal(gateway)


@pytest.mark.parametrize("end", [True, False])
async def test_b22_a_flood_of_header_frames_without_an_end_is_cut_off(end: bool) -> None:
    with served() as (_, port):
        await until(lambda: _lists(port), "listed", 60)
        wild = await asyncio.to_thread(Http2, port)
        with wild.wire:
            head = fields((":method", "GET"), (":scheme", "https"), (":path", "/health"), (":authority", HOST))
            flood = b"".join(
                frame(CONTINUATION, 0, 1, fields(*[(f"x-{number}-{field}", "a" * 100) for field in range(80)]))
                for number in range(50)
            )
            with suppress(OSError):
                await asyncio.to_thread(wild.wire.sendall, frame(HEADERS, 0, 1, head) + flood)
                await asyncio.to_thread(wild.wire.sendall, frame(CONTINUATION, END_HEADERS if end else 0, 1))
            seen = await asyncio.to_thread(lambda: [kind for kind, *_ in wild.frames()])
            assert HEADERS not in seen, "it is closed, and nothing was answered"
        assert await _lists(port)


async def _lists(port: int) -> bool:
    """Whether a client of HTTP/1.1 over TLS is served."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    except OSError:
        return False
    head = f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    try:
        answer = await asyncio.wait_for(reader.read(), 30)
    except TimeoutError:
        return False  # the app is still starting
    finally:
        writer.close()
    return b'"state":"ready"' in answer
