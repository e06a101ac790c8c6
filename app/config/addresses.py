"""Where the gateway is found, and who may come from where: URLs, origins and host names of the settings.

Pure and stdlib only. May not look at a request: the rules built here are asked with one header's value
(INTERFACE, Environment: MCP_PUBLIC_URL, MCP_ALLOWED_ORIGINS, MCP_ALLOWED_HOSTS).
"""

import ipaddress
from collections.abc import Callable, Iterable
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def split_url(text: str) -> SplitResult | None:
    """The parts of an absolute http(s) URL with a host and a valid port; None for anything else."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    good = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and port != 0
    return parts if good and not any(c.isspace() or not c.isprintable() for c in text) else None


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without port, is this machine: `localhost`, `*.localhost`, 127.0.0.0/8, `::1`."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def http_url(host: str, port: int) -> str:
    """`http://host:port` as a client on this machine would write it: an unspecified address becomes `localhost`."""
    name = "localhost" if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def to_origin(text: str) -> str | None:
    """An origin as browsers send it (lower case, no default port); None when `text` is none.

    Any scheme is read: extensions and desktop apps have their own.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        return None
    if parts.username is not None or any(c.isspace() for c in parts.netloc):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def origin_rule(allowed: Iterable[str] | None, public: str | None) -> Callable[[str], bool]:
    """Which `Origin` values may call. `allowed` None: the public URL's origin and loopback at any port; `*`: all."""
    if allowed is not None:
        exact = frozenset(allowed)
        return lambda origin: "*" in exact or to_origin(origin) in exact
    parts = split_url(public) if public else None
    own = to_origin(f"{parts.scheme}://{parts.netloc}") if parts else None

    def by_default(origin: str) -> bool:
        asked = to_origin(origin)
        if asked is None:
            return False
        web = asked.startswith(("http://", "https://"))
        return asked == own or (web and is_loopback(urlsplit(asked).hostname or ""))

    return by_default


def host_rule(allowed: Iterable[str], public: str | None, *, loopback: bool) -> Callable[[str], bool]:
    """Which `Host` values may call: those in `allowed` (with a port: that port only), the public URL's, loopback."""
    names = {name.lower() for name in allowed}
    parts = split_url(public) if public else None
    if parts is not None and parts.hostname:
        names.add(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname)

    def allows(host: str) -> bool:
        full = host.strip().lower()
        bare = without_port(full)
        return "*" in names or full in names or bare in names or (loopback and is_loopback(bare))

    return allows


def without_port(host: str) -> str:
    """`example.com:80` → `example.com`; `[::1]:80` → `[::1]`."""
    if host.startswith("["):
        return host[: host.find("]") + 1] or host
    return host.partition(":")[0]
