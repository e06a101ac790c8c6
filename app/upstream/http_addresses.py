"""Where HTTP requests go and how their sockets are set: loopback, proxies of the environment, keep-alive probes.

Light: imports no HTTP library. The proxy variables are those of curl and Python; a lower-case name wins, and
`HTTP_PROXY` does not count where CGI could have set it.
"""

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# A peer that is gone without a word (a pulled cable, a dropped NAT entry) is found within half a minute.
_PROBES = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, which no proxy could reach for us."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment wants for a URL. Raises `ValueError` for a URL with an impossible port."""
    parts = urlsplit(url)
    if is_loopback(url) or _exempted(parts.hostname or "", parts.port, _variable("no", environment)):
        return None
    proxy = _variable(parts.scheme, environment) or _variable("all", environment)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy or None


def _variable(kind: str, environment: Mapping[str, str]) -> str:
    lower = environment.get(f"{kind}_proxy")
    if lower is not None:
        return lower
    return "" if kind == "http" and "REQUEST_METHOD" in environment else environment.get(f"{kind.upper()}_PROXY", "")


def _exempted(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether `NO_PROXY` names the host: `*`, a domain and all below it, an address or network; a port may follow."""
    for entry in no_proxy.replace(",", " ").split():
        name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        if wanted and wanted != str(port):
            continue
        name = name.lower().lstrip("*").lstrip(".")
        if not name or host == name or host.endswith(f".{name}") or _in_network(host, name):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs share scheme, host and port."""
    try:
        return _origin(one) == _origin(other)
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def open_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket for an entry of `getaddrinfo`, which notices a dead peer by itself."""
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        option = getattr(socket, name, None)
        if option is not None:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
    return opened
