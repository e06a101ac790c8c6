"""Compare HTTP clients as the relay uses them: POST a message, read its answer as it arrives (docs/adr/0001).

    python tests/bench/http_clients.py [--calls 20000] [--size 256] [--conns 32] [--answer json|sse] [CLIENT ...]

Each client runs in a process of its own under uvloop against one raw echo server in another; the row printed is the
client process alone: CPU (user and system, all its threads) a call, latency, and memory before and after.
A client that is not installed is skipped.
"""

import argparse
import asyncio
import contextlib
import functools
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import uvloop

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-11-25",
    "Mcp-Session-Id": "0123456789abcdef0123456789abcdef",
    "Authorization": "Bearer 0123456789abcdef",
}
Call = Callable[[bytes], Awaitable[bytes]]


class Echo(asyncio.Protocol):
    """A raw HTTP/1.1 keep-alive server: the body comes back, as JSON or as one server-sent event."""

    def __init__(self, sse: bool) -> None:
        self.sse = sse
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        if self.sse:
            event = b"event: message\r\ndata: " + body + b"\r\n\r\n"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.transport.write(b"%s%x\r\n%s\r\n0\r\n\r\n" % (head, len(event), event))
        else:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.transport.write(head + body)


async def serve(sse: bool) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Echo(sse), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def aiohttp_client(url: str) -> Any:
    import aiohttp

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    ) as session:

        async def call(body: bytes) -> bytes:
            async with session.post(url, data=body, headers=HEADERS, allow_redirects=False) as response:
                assert response.status == 200
                parts = b""
                async for chunk in response.content.iter_any():
                    parts += chunk
                return parts

        yield call


@contextlib.asynccontextmanager
async def relay_client(url: str) -> Any:
    """aiohttp as the gateway uses it; needs PYTHONPATH=."""
    from app.upstream.http_client import HttpClient

    client = HttpClient({})
    endpoint = await client.reach(url)

    async def call(body: bytes) -> bytes:
        async with endpoint.post(HEADERS, body) as response:
            assert response.status == 200
            parts = b""
            async for chunk in response.content.iter_any():
                parts += chunk
            return parts

    yield call
    await client.close()


@contextlib.asynccontextmanager
async def pyreqwest_whole(url: str) -> Any:
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().follow_redirects(False).default_headers(HEADERS).build() as client:

        async def call(body: bytes) -> bytes:
            response = await client.post(url).body_bytes(body).build().send()
            assert response.status == 200
            return (await response.bytes()).to_bytes()

        yield call


@contextlib.asynccontextmanager
async def pyreqwest_stream(url: str) -> Any:
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().follow_redirects(False).build() as client:

        async def call(body: bytes) -> bytes:
            # Without the limit the library holds back up to 64 kB of a stream until it ends.
            request = client.post(url).headers(HEADERS).body_bytes(body).streamed_read_buffer_limit(0)
            async with request.build_streamed() as response:
                assert response.status == 200
                response.get_header("content-type")
                parts = b""
                while (chunk := await response.body_reader.read_chunk()) is not None:
                    parts += chunk.to_bytes()
                return parts

        yield call


@contextlib.asynccontextmanager
async def httpx_client(name: str, url: str) -> Any:
    """`httpx`, or what has its interface under another name."""
    httpx = importlib.import_module(name)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=None) as client:

        async def call(body: bytes) -> bytes:
            async with client.stream("POST", url, content=body, headers=HEADERS) as response:
                assert response.status_code == 200
                return b"".join([chunk async for chunk in response.aiter_bytes()])

        yield call


class Lean(asyncio.Protocol):
    """The floor: the least a client in Python can do over one connection; no proxies, TLS, limits or errors."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.parts: list[bytes] = []
        self.waiter: asyncio.Future[bytes]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        pass

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        parts, self.parts = self.parts, []
        self.parser = httptools.HttpResponseParser(self)
        self.waiter.set_result(b"".join(parts))


@contextlib.asynccontextmanager
async def lean_client(url: str) -> Any:
    loop = asyncio.get_running_loop()
    host, port = url.split("/")[2].split(":")
    idle: list[Lean] = []
    head = "".join(f"{k}: {v}\r\n" for k, v in HEADERS.items()).encode()

    async def call(body: bytes) -> bytes:
        conn = idle.pop() if idle else (await loop.create_connection(Lean, host, int(port)))[1]
        conn.waiter = loop.create_future()
        conn.transport.write(
            b"POST /mcp HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n" % (head, len(body)) + body
        )
        answer = await conn.waiter
        idle.append(conn)
        return answer

    yield call


CLIENTS = {
    "aiohttp": aiohttp_client,
    "relay": relay_client,
    "pyreqwest": pyreqwest_stream,
    "pyreqwest-whole": pyreqwest_whole,
    "httpx2": functools.partial(httpx_client, "httpx2"),
    "httpx": functools.partial(httpx_client, "httpx"),
    "lean": lean_client,
}


def rss() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


async def measure(name: str, url: str, calls: int, size: int, conns: int) -> dict[str, object]:
    before = rss()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"p": "x" * size}}).encode()
    times: list[float] = []
    async with CLIENTS[name](url) as call:

        async def worker(count: int) -> None:
            for _ in range(count):
                start = time.perf_counter()
                answer = await call(body)
                times.append(time.perf_counter() - start)
                assert body in answer

        await asyncio.gather(*[worker(10) for _ in range(conns)])
        times.clear()
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*[worker(calls // conns) for _ in range(conns)])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    times.sort()
    return {
        "client": name,
        "conns": conns,
        "size": size,
        "calls/s": round(len(times) / wall),
        "cpu_ms": round(cpu / len(times) * 1e3, 4),
        "p50_ms": round(times[len(times) // 2] * 1e3, 2),
        "p99_ms": round(times[len(times) * 99 // 100] * 1e3, 2),
        "rss_mb": round(rss() - before, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clients", nargs="*", default=list(CLIENTS))
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--conns", type=int, default=32)
    parser.add_argument("--answer", choices=["json", "sse"], default="json")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    uvloop.install()
    if args.serve:
        asyncio.run(serve(args.answer == "sse"))
    elif args.url:
        print(json.dumps(asyncio.run(measure(args.clients[0], args.url, args.calls, args.size, args.conns))))
    else:
        child = subprocess.Popen(
            [sys.executable, __file__, "--serve", "--answer", args.answer], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout
        url = f"http://127.0.0.1:{child.stdout.readline().strip()}/mcp"
        options = ["--calls", str(args.calls), "--size", str(args.size), "--conns", str(args.conns), "--url", url]
        try:
            for name in args.clients:
                done = subprocess.run(
                    [sys.executable, __file__, name, *options], capture_output=True, text=True, check=False
                )
                print(args.answer, done.stdout.strip() or f"{name}: {done.stderr.strip().splitlines()[-1]}", flush=True)
        finally:
            child.terminate()
            child.wait()


if __name__ == "__main__":
    main()
