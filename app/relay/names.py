"""What tools and prompts of many servers are called in one list, and what else they may be called by.

Pure. INTERFACE "Names": `files__read`, always prefixed; model APIs take `^[A-Za-z0-9_-]{1,64}$`, so other characters
become `_` and what is too long, or taken, is cut and given a hash of its full name, the same one for ever.
"""

import hashlib
import re

LIMIT = 64
SEPARATOR = "__"
ALIAS_SEPARATOR = ":"
_HASH_CHARS = 8
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


def clean(name: str) -> str:
    """`name` with every character that model APIs refuse as `_`."""
    return _FOREIGN.sub("_", name)


def full_name(prefix: str, own: str) -> str:
    """The name before it is made to fit."""
    return f"{prefix}{SEPARATOR}{own}" if prefix else own


def listed_name(prefix: str, own: str) -> str:
    """The name in lists, unless it is taken."""
    name = clean(full_name(prefix, own))
    return name if len(name) <= LIMIT else hashed_name(prefix, own)


def hashed_name(prefix: str, own: str) -> str:
    """The name in lists where the plain one is too long or taken."""
    name = full_name(prefix, own)
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARS]
    return f"{clean(name)[: LIMIT - _HASH_CHARS - 1]}_{mark}"


def own_names(alias: str, server: str, prefix: str) -> list[str]:
    """The own names of `server` that `alias` could mean, best first: `files:read`, `files__read`, `git:commit`.

    The last finds `git_commit`, for servers that put their name before each of their tools.
    """
    found: list[str] = []
    for head in dict.fromkeys((server, prefix)):
        if head and alias.startswith(head + ALIAS_SEPARATOR):
            own = alias[len(head) + 1 :]
            found += [own, f"{head}_{own}"]
        if head and alias.startswith(head + SEPARATOR):
            found.append(alias[len(head) + len(SEPARATOR) :])
    return found
