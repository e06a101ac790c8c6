"""The proxy of the conformance runs adds its headers to every request and changes nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.conformance.header_proxy import adding_headers

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WITHIN = 5.0
ADDED = {"Authorization": "Bearer k"}


@asynccontextmanager
async def proxied(serve: Serve) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the proxy to a server that does `serve`."""
    finished = asyncio.Event()

    async def serve_to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()
        finished.set()

    server = await asyncio.start_server(serve_to_the_end, "127.0.0.1", 0)
    async with server, adding_headers(server.sockets[0].getsockname()[1], ADDED) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()
            await asyncio.wait_for(finished.wait(), WITHIN)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def passed(request: bytes, expected: bytes) -> None:
    async with proxied(echo) as (reader, writer), asyncio.timeout(WITHIN):
        writer.write(request)
        assert await reader.readexactly(len(expected)) == expected


async def test_headers_are_added_and_the_rest_keeps_its_case_and_order() -> None:
    head = b"POST /x HTTP/1.1\r\nHOST: a\r\nX-b: 1\r\nX-b: 2\r\nContent-Length: 3"
    await passed(head + b"\r\n\r\nabc", head + b"\r\nAuthorization: Bearer k\r\n\r\nabc")


async def test_headers_of_the_same_name_are_replaced() -> None:
    await passed(
        b"GET / HTTP/1.1\r\nauthorization: other\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n",
    )


async def test_every_request_of_a_connection_gets_them_after_any_kind_of_body() -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked"
    body = b"4\r\nGET \r\n0\r\n\r\n"
    last = b"GET /last HTTP/1.1"
    added = b"\r\nAuthorization: Bearer k\r\n\r\n"
    await passed(chunked + b"\r\n\r\n" + body + last + b"\r\n\r\n", chunked + added + body + last + added)


async def test_answers_arrive_piece_by_piece() -> None:
    sent = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"data: 1\n\n")
        await sent.wait()
        writer.write(b"data: 2\n\n")

    async with proxied(answer) as (reader, writer), asyncio.timeout(WITHIN):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.readuntil(b"\n\n") == b"data: 1\n\n"
        sent.set()
        assert await reader.read() == b"data: 2\n\n", (
            "and the end of the server's connection is the end of the client's"
        )


async def test_a_client_that_leaves_takes_the_servers_connection_with_it() -> None:
    gone = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with proxied(watch) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        writer.close()
        await asyncio.wait_for(gone.wait(), WITHIN)
