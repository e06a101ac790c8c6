"""What an nginx configuration is made from: values that are checked before they stand in one.

Pure. A `;`, a `{` or a line break in a value would be configuration of its own (RELIABILITY.md section 4 item 11):
every field is refused unless it is exactly of its kind.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

# nginx reads these unquoted: nothing that ends a word, a directive or a block, and no variable.
_PATH = re.compile(r"/[A-Za-z0-9._/+@=:,~-]*")
_NAME = re.compile(r"[a-z_][a-z0-9_-]*\$?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """Raises `ValueError` with the field's name for a value that cannot stand in a configuration."""

    listen: tuple[tuple[str, int], ...]
    """IP addresses (no names) and ports to accept clients on."""
    socket: str
    """The absolute path of the app's unix socket."""
    runtime: str
    """The absolute path of a private directory for nginx's own files."""
    max_body: int
    """Bytes; a larger request body is answered with 413."""
    connections: int = 1024
    """Per worker, those to the app among them."""
    user: tuple[str, str] | None = None
    """User and group of nginx's workers; only where nginx is started by root."""

    def __post_init__(self) -> None:
        if not self.listen:
            raise ValueError("listen: at least one address")
        for address, port in self.listen:
            _parsed(address)
            if not 0 < port < 65536:
                raise ValueError(f"listen: no port: {port}")
        for field, path in (("socket", self.socket), ("runtime", self.runtime)):
            if not _PATH.fullmatch(path):
                raise ValueError(f"{field}: not an absolute path of plain characters: {path!r}")
        for field, number in (("max_body", self.max_body), ("connections", self.connections)):
            if number < 1:
                raise ValueError(f"{field}: at least 1")
        for name in self.user or ():
            if not _NAME.fullmatch(name):
                raise ValueError(f"user: not a name: {name!r}")

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The addresses as nginx writes them."""
        parsed = ((_parsed(address), port) for address, port in self.listen)
        return tuple(f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}" for address, port in parsed)


def _parsed(address: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(address)
    except ValueError as error:
        raise ValueError(f"listen: not an IP address: {address!r}") from error
