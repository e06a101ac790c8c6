"""A streaming proxy that adds headers to every request: the official suite has no way to send a key.

It changes nothing else: the Host, the case and the order of headers, bodies and answers pass as they are, and an end on
one side is an end on the other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65536
LIMIT = 1 << 20  # of one request's head

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def framing(head: bytes) -> int | None:
    """The length of the body after a request's head; None if it is chunked."""
    length = 0
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding" and value.strip().endswith(b"chunked"):
            return None
    return length


def without(head: bytes, names: set[bytes]) -> bytes:
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return b"\r\n".join([first, *(line for line in lines if line.partition(b":")[0].strip().lower() not in names)])


async def copy_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int) -> None:
    while length:
        data = await reader.read(min(CHUNK, length))
        if not data:
            raise asyncio.IncompleteReadError(b"", length)
        writer.write(data)
        await writer.drain()
        length -= len(data)


async def copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readuntil(b"\r\n")
        writer.write(line)
        size = int(line.partition(b";")[0], 16)
        await copy_body(reader, writer, size + 2)
        if not size:
            return


async def pass_requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]) -> None:
    """Requests of one connection, each with `headers` in place of its own of those names, until either side ends."""
    names = {name.lower().encode() for name in headers}
    added = "".join(f"\r\n{name}: {value}" for name, value in headers.items()).encode()
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(without(head, names) + added + b"\r\n\r\n")
            length = framing(head)
            await (copy_chunks(reader, writer) if length is None else copy_body(reader, writer, length))
            await writer.drain()


async def pass_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()


async def pass_both(client: Streams, server: Streams, headers: dict[str, str]) -> None:
    """One connection, until either side ends it; then it is closed on both."""
    try:
        async with asyncio.TaskGroup() as both:
            directions = (pass_requests(client[0], server[1], headers), pass_answers(server[0], client[1]))
            tasks = [both.create_task(direction) for direction in directions]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
    finally:
        for _, writer in (client, server):
            writer.close()
        for _, writer in (client, server):
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def adding_headers(port: int, headers: dict[str, str]) -> AsyncIterator[int]:
    """The port of a proxy in front of `port` on this machine; at the end of the context all connections are closed."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
        except OSError:  # nobody there: the client sees its connection end
            writer.close()
            return
        await pass_both((reader, writer), server, headers)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(group.create_task(serve(reader, writer)))

    async with (
        asyncio.TaskGroup() as group,
        await asyncio.start_server(accept, "127.0.0.1", 0, limit=LIMIT) as listener,
    ):
        yield listener.sockets[0].getsockname()[1]
        listener.close()
        for connection in connections:
            connection.cancel()
