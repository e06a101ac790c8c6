"""The echo server over Streamable HTTP, on a bare asyncio protocol (uvloop); prints its port, then serves.

Every path is the same endpoint, so one process can stand for many servers. GET is 405, DELETE 204.
"""

import argparse
import asyncio

import uvloop
from echo import Echo

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
EMPTY = b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n"


def content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


class Connection(asyncio.Protocol):
    def __init__(self, echo: Echo):
        self.echo = echo
        self.buffer = b""

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override]  # TCP: always one
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, stop = self.buffer[:end], end + 4 + content_length(self.buffer[:end])
            if len(self.buffer) < stop:
                return
            body, self.buffer = self.buffer[end + 4 : stop], self.buffer[stop:]
            self.transport.write(self.answer(head, body))

    def answer(self, head: bytes, body: bytes) -> bytes:
        if not head.startswith(b"POST"):
            return EMPTY % (b"204 No Content" if head.startswith(b"DELETE") else b"405 Method Not Allowed")
        reply = self.echo.handle(body)
        return EMPTY % b"202 Accepted" if reply is None else JSON % (len(reply), reply)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tools", type=int, default=2)
    args = parser.parse_args()
    echo = Echo(args.tools)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(echo), "127.0.0.1", args.port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
