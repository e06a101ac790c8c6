"""Bytes to a port, and all that comes back."""

import re
import socket
from contextlib import suppress

from tests.support.gateway import Gateway


def exchange(gateway: Gateway, sent: bytes, patience: float = 30.0, source: str = "") -> bytes:
    """All that comes back until the connection is closed. After a whole answer we say that we send no more: nginx would
    wait for the rest of a body that it refused.
    """
    local = (source, 0) if source else None
    with socket.create_connection((gateway.host, gateway.port), patience, local) as client:
        client.sendall(sent)
        received = bytearray()
        with suppress(ConnectionResetError, BrokenPipeError):
            while piece := client.recv(65536):
                received += piece
                if _is_whole(bytes(received)):
                    client.shutdown(socket.SHUT_WR)
    return bytes(received)


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return length is not None and len(body) >= int(length[1])


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by lower-case name, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return int(status.split(" ")[1]), headers, body


def request(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """One request, whose connection is closed after it; `Content-Length` where there is a body."""
    length = [f"Content-Length: {len(body)}"] if body else []
    head = [f"{method} {path} HTTP/1.1", "Host: gateway.test", "Connection: close", *length, *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
