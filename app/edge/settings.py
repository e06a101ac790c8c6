"""What an nginx configuration is made from: values that are checked before they stand in one.

Pure. A `;`, a `{` or a line break in a value would be configuration of its own (RELIABILITY.md section 4 item 11):
every field is refused unless it is exactly of its kind.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, get_args

from app.config import edge

Variant = Literal["plain", "tunnel", "tls"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

# nginx reads these unquoted: nothing that ends a word, a directive or a block, and no variable.
_PATH = re.compile(r"/[A-Za-z0-9._/+@=:,~-]*")
_LONGEST_SOCKET = 107
"""Bytes of a unix socket's path (`sun_path`)."""
_NAME = re.compile(r"[a-z_][a-z0-9_-]*\$?", re.IGNORECASE)
# Above these nginx refuses, or counts wrongly.
_MOST = {
    "max_body": 1 << 40,
    "connections": 1 << 20,
    "limit_ip": edge.MOST_REQUESTS,
    "limit_key": edge.MOST_REQUESTS,
    "limit_tool": edge.MOST_REQUESTS,
    "limit_streams": edge.MOST_STREAMS,
    "shutdown": 86400,
}


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """Raises `ValueError` with the field's name for a value that cannot stand in a configuration."""

    listen: tuple[tuple[str, int], ...]
    """IP addresses (no names) and ports to accept clients on, in plain HTTP; for `tls`: where ACME looks."""
    socket: str
    """The absolute path of the app's unix socket."""
    runtime: str
    """The absolute path of a private directory for nginx's own files."""
    max_body: int
    """Bytes; a larger request body is answered with 413."""
    variant: Variant = "plain"
    connections: int = 1024
    """Per worker, those to the app among them."""
    user: tuple[str, str] | None = None
    """User and group of nginx's workers; only where nginx is started by root."""
    version: tuple[int, int, int] = (1, 22, 0)
    """nginx's own: some directives changed their form."""
    prefixes: tuple[str, ...] = field(default=(), repr=False)
    """Secret first path segments; what is not below one of them is a 404. Empty: there is none."""
    decoys: tuple[str, ...] = field(default=(), repr=False)
    """First path segments whose 404 comes slowly; they go with a prefix."""
    trusted: tuple[str, ...] = ()
    """Networks whose word on the client's address counts: CF-Connecting-IP in `tunnel`, X-Forwarded-For elsewhere."""
    limit_ip: int = 2000
    limit_key: int = 1000
    limit_tool: int = 1000
    limit_streams: int = 200
    access_log: bool = True
    """One line a request on stderr."""
    shutdown: int = 5
    """Seconds a stopping or reloaded worker waits for what it still serves."""
    farewell: str | None = None
    """The absolute path of the sign of a reload, where somebody looks after it (app/serve/nginx_program.py)."""
    listen_tls: tuple[tuple[str, int], ...] = ()
    """`tls` alone, as are the next three."""
    domains: tuple[str, ...] = ()
    certificate: tuple[str, str] | None = None
    """Absolute paths of the chain and of its key."""
    webroot: str | None = None
    """The absolute path of the directory that holds `.well-known/acme-challenge`."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"variant: not one of {', '.join(VARIANTS)}: {self.variant!r}")
        if not self.listen:
            raise ValueError("listen: at least one address")
        for address, port in (*self.listen, *self.listen_tls):
            _parsed(address)
            if not 0 < port < 65536:
                raise ValueError(f"listen: no port: {port}")
        if twice := [each for each, count in Counter((*self.endpoints, *self.endpoints_tls)).items() if count > 1]:
            raise ValueError(f"listen: {twice[0]} twice")
        for name, path in self._paths():
            if not _PATH.fullmatch(path):
                raise ValueError(f"{name}: not an absolute path of plain characters: {path!r}")
        if len(self.socket) > _LONGEST_SOCKET:
            raise ValueError(f"socket: a path longer than {_LONGEST_SOCKET} characters: {self.socket!r}")
        for name, most in _MOST.items():
            if not 1 <= int(getattr(self, name)) <= most:
                raise ValueError(f"{name}: not a number from 1 to {most}")
        for name in self.user or ():
            if not _NAME.fullmatch(name):
                raise ValueError(f"user: not a name: {name!r}")
        self._check_texts()
        self._check_tls()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The addresses as nginx writes them."""
        return tuple(map(_written, self.listen))

    @property
    def endpoints_tls(self) -> tuple[str, ...]:
        return tuple(map(_written, self.listen_tls))

    def _paths(self) -> list[tuple[str, str]]:
        found = [("socket", self.socket), ("runtime", self.runtime)]
        found += [("certificate", path) for path in self.certificate or ()]
        return found + [(name, path) for name in ("webroot", "farewell") if (path := getattr(self, name))]

    def _check_texts(self) -> None:
        for name, segments in (("prefixes", self.prefixes), ("decoys", self.decoys)):
            if not all(map(edge.PREFIX.fullmatch, segments)):
                raise ValueError(f"{name}: one is not 8 to 64 of A-Z a-z 0-9 _ -")
            if len(segments) > edge.MOST_PREFIXES:
                raise ValueError(f"{name}: more than {edge.MOST_PREFIXES}")
        if self.decoys and (not self.prefixes or {*self.decoys} & {*self.prefixes}):
            raise ValueError("decoys: others, beside prefixes")
        for network in self.trusted:
            try:
                plain = edge.networks(network) == (network,)
            except ValueError:
                plain = False
            if not plain:
                raise ValueError(f"trusted: not a network: {network!r}")

    def _check_tls(self) -> None:
        if self.domains and edge.domains(",".join(self.domains)) != self.domains:
            raise ValueError(f"domains: not host names: {self.domains!r}")
        has = bool(self.listen_tls), bool(self.domains), bool(self.certificate), bool(self.webroot)
        if self.variant == "tls" and not all(has):
            raise ValueError("tls: listen_tls, domains, certificate and webroot go together")
        if self.variant != "tls" and any(has):
            raise ValueError(f"{self.variant}: listen_tls, domains, certificate and webroot are of tls alone")


def _parsed(address: str) -> IPv4Address | IPv6Address:
    try:
        parsed = ip_address(address)
    except ValueError as error:
        raise ValueError(f"listen: not an IP address: {address!r}") from error
    if "%" in address:
        raise ValueError(f"listen: nginx takes no zone: {address!r}")
    return parsed


def _written(endpoint: tuple[str, int]) -> str:
    address, port = _parsed(endpoint[0]), endpoint[1]
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
