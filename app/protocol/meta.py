"""The members of `_meta` that a gateway reads, and their names.

Pure. 2026-07-28, "Request metadata": the protocol version and the client's capabilities travel with every request.
"""

import msgspec

from app import __version__
from app.protocol.jsonrpc import Message, members_of, repeats_key, text_of

PREFIX = "io.modelcontextprotocol/"
PROTOCOL_VERSION = PREFIX + "protocolVersion"
CLIENT_CAPABILITIES = PREFIX + "clientCapabilities"
CLIENT_INFO = PREFIX + "clientInfo"
SERVER_INFO = PREFIX + "serverInfo"
PROGRESS_TOKEN = "progressToken"

# Who answers: the gateway, whichever server it asked (PROTOCOL.md section 3.2).
IDENTITY = {"name": "mcp-proxy", "title": "MCP Proxy", "version": __version__}

NO_META: dict[str, msgspec.Raw] = {}


class Meta(msgspec.Struct, frozen=True):
    """`members` without the progress token; `token` its JSON, empty when none was sent; `version` what it claims."""

    members: dict[str, msgspec.Raw]
    token: bytes = b""
    version: str = ""


NOTHING = Meta(NO_META)


def read_meta(message: Message) -> Meta | None:
    """The message's `_meta`; None when it is there and wrong (not an object, a key twice, a token of another type)."""
    raw = message.params.get("_meta")
    if raw is None:
        return NOTHING
    members = members_of(raw)
    if members is None or repeats_key(raw, members):
        return None
    token = bytes(members.pop(PROGRESS_TOKEN, b""))
    if token and not (token[:1] == b'"' or token[:1] == b"-" or token[:1].isdigit()):
        return None
    return Meta(members, token, text_of(members.get(PROTOCOL_VERSION)) or "")
