"""Who may use what: the one decision that lists and calls share (INTERFACE, "API keys file" and `tools`).

Pure. Globs are `*` and `?`, case-sensitive, on cleaned server names and on a server's own item names: aliases are
resolved before. May not know keys, sessions or the wire. Names come from clients, so no glob may backtrack without
bound: each `*` but the last takes the first match and keeps it (atomic groups).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

_ADMIN = "@admin"
# More than any config has: whoever asks about other names must not fill the memory.
_MANY_SERVERS = 1024
_STARS = re.compile(r"\*+")


class NameFilter:
    """`tools.allow` and `tools.deny` of one server, compiled. Nothing in `allow` means all; `deny` wins."""

    __slots__ = ("_allow", "_deny")

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        self._allow = _any_of(allow)
        self._deny = _any_of(deny)

    def passes(self, name: str) -> bool:
        """Whether a tool of this name stays."""
        if self._deny is not None and self._deny.match(name):
            return False
        return self._allow is None or self._allow.match(name) is not None


class ServerGrant:
    """What one grant says about one server: `sees` is whether any item of it could be allowed."""

    __slots__ = ("_allow", "_deny", "sees", "whole")

    def __init__(self, allow: list[str], deny: list[str]) -> None:
        denied = "*" in deny
        self.sees = bool(allow) and not denied
        self.whole = self.sees and "*" in allow and not deny
        self._allow = _any_of(allow) if self.sees else None
        self._deny = _any_of(deny) if self.sees else None

    def allows(self, item: str) -> bool:
        """Whether the item (a tool's or prompt's own name, a resource's URI) may be seen and used."""
        if self.whole:
            return True
        if self._allow is None or not self._allow.match(item):
            return False
        return self._deny is None or self._deny.match(item) is None


class Grant:
    """Compiled scopes. No positive scope grants nothing; a `!` scope takes away whatever others give."""

    __slots__ = ("_servers", "admin", "scopes")

    def __init__(self, scopes: Iterable[str] = ("*",)) -> None:
        self.scopes = tuple(scopes)
        self.admin = _ADMIN in self.scopes and f"!{_ADMIN}" not in self.scopes
        self._servers: dict[str, ServerGrant] = {}

    def on(self, server: str) -> ServerGrant:
        """What it says about the server of this cleaned name: one that is configured, not any text a client sends."""
        found = self._servers.get(server)
        if found is None:
            if len(self._servers) >= _MANY_SERVERS:
                self._servers.clear()
            found = self._servers[server] = self._compile(server)
        return found

    def __repr__(self) -> str:
        return f"Grant({list(self.scopes)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grant) and self.scopes == other.scopes

    def __hash__(self) -> int:
        return hash(self.scopes)

    def _compile(self, server: str) -> ServerGrant:
        allow: list[str] = []
        deny: list[str] = []
        for scope in self.scopes:
            text = scope.removeprefix("!")
            if text.startswith("@"):
                continue
            on, colon, item = text.partition(":")
            if to_regex(on).match(server):
                (deny if scope.startswith("!") else allow).append(item if colon else "*")
        return ServerGrant(allow, deny)


def decide(grant: Grant, server: str, tools: NameFilter | None, item: str) -> bool:
    """May a principal with this grant list and use `item` of `server`?

    `server` is the cleaned name; `item` the server's own name of a tool or prompt, or the URI of a resource;
    `tools` the server's filter for tools, None for everything else.
    """
    return grant.on(server).allows(item) and (tools is None or tools.passes(item))


@lru_cache(maxsize=1024)
def name_filter(allow: tuple[str, ...], deny: tuple[str, ...]) -> NameFilter | None:
    """The compiled form of a server's `tools`; None when it lets everything pass."""
    return NameFilter(allow, deny) if allow or deny else None


@lru_cache(maxsize=1024)
def to_regex(glob: str) -> re.Pattern[str]:
    """A pattern whose `match` is true for exactly the names the glob means."""
    return re.compile(_source(glob), re.DOTALL)


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    sources = [_source(glob) for glob in globs]
    return re.compile("|".join(sources), re.DOTALL) if sources else None


def _source(glob: str) -> str:
    first, *rest = (_literal(part) for part in _STARS.split(glob))
    if not rest:
        return rf"(?:{first}\Z)"
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return rf"(?:{first}{middle}.*{rest[-1]}\Z)"


def _literal(part: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in part)
