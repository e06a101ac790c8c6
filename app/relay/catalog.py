"""What a server lists, and what a caller may see of all servers together.

Pure. Items stay undecoded below their own members, so that unknown fields reach the client byte for byte.
"""

import msgspec

from app.protocol.jsonrpc import members_of
from app.protocol.mirrored import Mirrored

Members = dict[str, msgspec.Raw]


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One listed thing: `key` is its `name` (tools, prompts), `uri` (resources) or `uriTemplate` (templates).

    `mirrored`: which of a tool's arguments travel in headers as well.
    """

    key: str
    members: Members
    mirrored: tuple[Mirrored, ...] = ()


class Hint(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long an answer stays good (`ttl`, milliseconds), and whether for everybody."""

    ttl: int = 0
    public: bool = False


class ServerCatalog(msgspec.Struct, frozen=True):
    """Everything one server offers, all pages drained, in the server's own order.

    `hints`: what a modern server says of how long its answers stay good, by method.
    """

    tools: tuple[Item, ...] = ()
    prompts: tuple[Item, ...] = ()
    resources: tuple[Item, ...] = ()
    templates: tuple[Item, ...] = ()
    capabilities: Members = {}
    instructions: str = ""
    hints: dict[str, Hint] = {}


def tells_updates(capabilities: Members) -> bool:
    """Whether a server offers to tell of changes of single resources."""
    return bytes((members_of(capabilities.get("resources", b"")) or {}).get("subscribe", b"")) == b"true"
