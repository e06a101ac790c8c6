"""Bytes to a port, and all that comes back."""

import socket
from contextlib import suppress

from tests.support.gateway import Gateway


def exchange(gateway: Gateway, sent: bytes, patience: float = 8.0, source: str = "") -> bytes:
    """All that comes back until the connection is closed."""
    local = (source, 0) if source else None
    with socket.create_connection((gateway.host, gateway.port), patience, local) as client:
        client.sendall(sent)
        received = bytearray()
        with suppress(ConnectionResetError):
            while piece := client.recv(65536):
                received += piece
    return bytes(received)


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
