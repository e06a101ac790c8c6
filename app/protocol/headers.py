"""The `Mcp-*` routing headers: what mirrors a body, and whether a body and its mirror agree.

Pure. 2026-07-28, "Streamable HTTP": `Mcp-Method` and `Mcp-Name` let intermediaries route without parsing; whoever does
parse must refuse a mismatch (PROTOCOL.md sections 3.1 and 7). A value that HTTP would not carry unharmed travels as
`=?base64?…?=`. Towards a server they are made from the body we send, never copied from the client.
"""

import base64
import binascii
import re
from collections.abc import Mapping

import msgspec

from app.protocol.jsonrpc import text_of

VERSION = "MCP-Protocol-Version"
METHOD = "Mcp-Method"
NAME = "Mcp-Name"
SESSION = "Mcp-Session-Id"

# Which member of `params` a method is routed by.
NAMED_BY: dict[str, str] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_ROUTING = {header.lower().encode(): header for header in (VERSION, METHOD, NAME)}
_SENTINEL = re.compile(r"=\?base64\?(.*)\?=")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_OWS = b" \t"


def encode_value(value: str) -> str:
    """As it stands when it is plain visible ASCII, else in the sentinel. A lone surrogate becomes U+FFFD."""
    if _PLAIN.fullmatch(value) and value == value.strip(" ") and not _SENTINEL.fullmatch(value):
        return value
    octets = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return f"=?base64?{base64.b64encode(octets).decode()}?="


def decode_value(value: str) -> str | None:
    """Inverse of `encode_value`; None for a sentinel that is not canonical base64 of UTF-8."""
    sentinel = _SENTINEL.fullmatch(value)
    if sentinel is None:
        return value
    try:
        octets = base64.b64decode(sentinel[1], validate=True)
        # Two spellings of one value would let two readers of the header disagree.
        return octets.decode() if base64.b64encode(octets).decode() == sentinel[1] else None
    except (binascii.Error, ValueError):
        return None


def routing_headers(method: str, params: Mapping[str, msgspec.Raw], version: str) -> dict[str, str]:
    """The headers a modern HTTP request carries for this body."""
    headers = {VERSION: version, METHOD: encode_value(method)}
    member = NAMED_BY.get(method)
    name = text_of(params.get(member)) if member is not None else None
    if name is not None:
        headers[NAME] = encode_value(name)
    return headers


def duplicated(headers: list[tuple[bytes, bytes]]) -> str | None:
    """A routing header given more than once: readers of the first and of the last copy would disagree."""
    seen: set[bytes] = set()
    for name, _ in headers:
        lower = name.lower()
        if lower in _ROUTING:
            if lower in seen:
                return _ROUTING[lower]
            seen.add(lower)
    return None


def check_routing(headers: list[tuple[bytes, bytes]], method: str, params: Mapping[str, msgspec.Raw]) -> str | None:
    """Why the routing headers contradict the body, as public text; None when they agree. Names are in lower case."""
    found = dict(headers)
    twice = duplicated(headers) if len(found) != len(headers) else None
    if twice is not None:
        return f"{twice} is given more than once."
    mirrored = found.get(b"mcp-method")
    if mirrored is None:
        return f"{METHOD} is missing."
    if mirrored.strip(_OWS).decode("latin-1") != method:
        return f"{METHOD} differs from the body's `method`."
    member = NAMED_BY.get(method)
    if member is None:
        return None
    body = text_of(params.get(member))
    if body is None:
        return None  # a body without it is wrong for another reason, told by the method's own check
    mirrored = found.get(b"mcp-name")
    if mirrored is None:
        return f"{NAME} is missing."
    decoded = decode_value(mirrored.strip(_OWS).decode("latin-1"))
    if decoded is None:
        return f"{NAME} holds base64 that cannot be read."
    return None if decoded == body else f"{NAME} differs from the body's `{member}`."
