"""The sources of `nginx/`, filled in. Pure: text and settings in, text out; the caller reads and writes the files."""

from collections.abc import Mapping
from string import Template

from app.edge.settings import EdgeSettings

SOURCES = (
    "nginx.conf",
    "templates/plain.conf",
    "snippets/proxy.conf",
    "snippets/errors.conf",
    "snippets/error-pages.conf",
)
"""What is read from `nginx/`, and written under the same names: their `include`s are relative to nginx.conf."""


class _Source(Template):
    # `$` is nginx's own.
    delimiter = "@"


def render(sources: Mapping[str, str], settings: EdgeSettings) -> dict[str, str]:
    """Every source with its `@{name}`s replaced. Raises `KeyError` for a name that `values` does not have."""
    filled = values(settings)
    return {name: _Source(text).substitute(filled) for name, text in sources.items()}


def values(settings: EdgeSettings) -> dict[str, str]:
    """What the sources may name."""
    return {
        "user": f"user {settings.user[0]} {settings.user[1]};" if settings.user else "# (not root: no `user`)",
        "runtime": settings.runtime,
        "socket": settings.socket,
        "max_body": str(settings.max_body),
        "connections": str(settings.connections),
        "listen": "\n".join(f"    listen {_listen(endpoint)};" for endpoint in settings.endpoints),
    }


def _listen(endpoint: str) -> str:
    # `::` is everybody, IPv4 included, as the launcher opens it.
    both = " ipv6only=off" if endpoint.startswith("[::]:") else ""
    return f"{endpoint} default_server so_keepalive=on{both}"
