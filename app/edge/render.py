"""The sources of `nginx/`, filled in. Pure: text and settings in, text out; the caller reads and writes the files.

A source has no conditions: what differs is a value that may be empty, or an nginx map. Each value is checked in
settings.py, and no source but these names one.
"""

from collections.abc import Iterable, Mapping
from string import Template

from app.config import edge
from app.edge.settings import EdgeSettings, Variant
from app.protocol.versions import MODERN_VERSIONS

_SHARED = (
    "nginx.conf",
    "snippets/paths.conf",
    "snippets/limits.conf",
    "snippets/access-log.conf",
    "snippets/tls.conf",
    "snippets/errors.conf",
    "snippets/error-pages.conf",
    "snippets/real-ip.conf",
    "snippets/farewell.conf",
    "snippets/site.conf",
    "snippets/limit.conf",
    "snippets/proxy.conf",
)
SOURCES: dict[Variant, tuple[str, ...]] = {
    "plain": (*_SHARED, "templates/plain.conf"),
    "tunnel": (*_SHARED, "templates/tunnel.conf"),
    "tls": (*_SHARED, "templates/tls.conf"),
}
"""What is read from `nginx/`, and written under the same names: their `include`s are relative to nginx.conf."""

ENDPOINTS = "(?:(?:servers/[A-Za-z0-9_-]{1,64}/)?mcp|sse|messages)"
"""Paths (below the prefix) on which MCP is spoken, as a regular expression."""
HTTP2_DIRECTIVE = (1, 25, 1)
"""The first version in which HTTP/2 is a directive, and no word of `listen`."""
KEEPALIVE_MIN = (1, 27, 4)
"""The first version that can leave idle connections open for a while when a worker ends."""
ANONYMOUS = 20
ANONYMOUS_BURST = 100
"""Clients ask for a few `.well-known` paths when they start: those of ten people at once."""
ENCODED = 20
"""Calls a second with one key whose tool's name is in no plain form: no name of ours needs another. A fiftieth of what
a tool may have, where that is more."""
DECOY_RATE = 8
"""Bytes a second: half a minute for a head and some words."""
DECOYS = 64
"""Slow answers at once: each holds a connection, and no more than that."""
CONNECTIONS = 1000
"""Requests in flight from one address, streams among them; more where a key may have more streams."""


class _Source(Template):
    # `$` is nginx's own.
    delimiter = "@"


def render(sources: Mapping[str, str], settings: EdgeSettings) -> dict[str, str]:
    """Every source with its `@{name}`s replaced. Raises `KeyError` for a name that `values` does not have."""
    filled = values(settings)
    return {name: _Source(text).substitute(filled) for name, text in sources.items()}


def printed(files: Mapping[str, str]) -> str:
    """All files in one text, to be looked at."""
    return "\n".join(f"#### {name}\n{text}" for name, text in files.items())


def values(settings: EdgeSettings) -> dict[str, str]:
    """What the sources may name."""
    directive = settings.version >= HTTP2_DIRECTIVE
    word = "" if directive else " http2"
    certificate, key = settings.certificate or ("", "")
    return {
        "user": f"user {settings.user[0]} {settings.user[1]};" if settings.user else "# (not root: no `user`)",
        "runtime": settings.runtime,
        "socket": settings.socket,
        "max_body": str(settings.max_body),
        "connections": str(settings.connections),
        "shutdown": str(settings.shutdown),
        "template": f"templates/{settings.variant}.conf",
        "endpoints": ENDPOINTS,
        "access_log": "/dev/stderr access if=$logged" if settings.access_log else "off",
        **_paths(settings.prefixes, settings.decoys),
        **_limits(settings),
        "real_ip": _real_ip(settings),
        "listen": _lines(f"listen {_plain(endpoint)} default_server;" for endpoint in settings.endpoints),
        "listen_tls": _lines(f"listen {endpoint} ssl{word};" for endpoint in settings.endpoints_tls),
        # Options of a socket stand once, with its default server.
        "listen_strange": _lines(f"listen {_plain(at)} ssl{word} default_server;" for at in settings.endpoints_tls),
        "http2": "http2 on;" if directive else "# (HTTP/2: a word of `listen` before nginx 1.25.1)",
        "keepalive_min": (
            "keepalive_min_timeout 5s;"
            if settings.version >= KEEPALIVE_MIN
            else "# (before nginx 1.27.4 a reload closes idle connections at once: see snippets/farewell.conf)"
        ),
        **_farewell(settings),
        "domains": " ".join(settings.domains),
        "certificate": certificate,
        "certificate_key": key,
        "webroot": settings.webroot or "",
    }


def _farewell(settings: EdgeSettings) -> dict[str, str]:
    """Where nobody takes the sign away again, it must not be made: then it is looked for where none can be."""
    sign = settings.farewell if settings.version < KEEPALIVE_MIN else None
    return {"farewell": sign or f"{settings.runtime}/nginx.pid/none", "scgi": sign or f"{settings.runtime}/scgi"}


def _paths(prefixes: tuple[str, ...], decoys: tuple[str, ...]) -> dict[str, str]:
    return {
        "below": _segment(prefixes),
        "decoys": f'"~^{_segment(decoys)}/" 1;' if decoys else "# (none)",
        "decoy_rate": str(DECOY_RATE),
        "decoys_at_once": str(DECOYS),
    }


def _segment(names: tuple[str, ...]) -> str:
    return f"/(?:{'|'.join(names)})" if names else ""


def _limits(settings: EdgeSettings) -> dict[str, str]:
    # A second's worth at once: agents start together, and a limit is on the rate.
    return {
        "limit_ip": str(settings.limit_ip),
        "limit_key": str(settings.limit_key),
        "limit_tool": str(settings.limit_tool),
        "limit_encoded": str(min(max(ENCODED, settings.limit_tool // 50), settings.limit_tool)),
        "revisions": "|".join(MODERN_VERSIONS),
        "limit_anonymous": str(ANONYMOUS),
        "burst_anonymous": str(ANONYMOUS_BURST),
        "limit_streams": str(settings.limit_streams),
        "limit_connections": str(min(max(CONNECTIONS, 5 * settings.limit_streams), edge.MOST_STREAMS)),
    }


def _real_ip(settings: EdgeSettings) -> str:
    if settings.variant == "tunnel":
        trusted, header, recursive = settings.trusted or ("127.0.0.1/32", "::1/128"), "CF-Connecting-IP", "off"
    elif settings.trusted:
        trusted, header, recursive = settings.trusted, "X-Forwarded-For", "on"
    else:
        return "# (no proxy is trusted: the peer is the client)"
    lines = [f"set_real_ip_from {network};" for network in trusted]
    return "\n".join([*lines, f"real_ip_header {header};", f"real_ip_recursive {recursive};"])


def _plain(endpoint: str) -> str:
    # `::` is everybody, IPv4 included, as the launcher opens it.
    return f"{endpoint} so_keepalive=on{' ipv6only=off' if endpoint.startswith('[::]:') else ''}"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
