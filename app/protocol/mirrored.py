"""`x-mcp-header`: arguments of a tool that travel beside the body in `Mcp-Param-*` headers, made and compared.

Pure. 2026-07-28, "Custom Headers from Tool Parameters". An annotation counts only where a chain of `properties` alone
leads to it; any other one spoils its tool. What a schema says is read once, when its server is listed: a call of a tool
without annotations costs nothing.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from app.protocol.headers import decode_value, encode_value
from app.protocol.jsonrpc import members_of

ANNOTATION = "x-mcp-header"
PREFIX = "Mcp-Param-"
_OWS = b" \t"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TYPES = frozenset({"string", "integer", "boolean"})
_NUMBER = re.compile(r"(-?[0-9]{1,400})(?:\.0{1,16})?")
_VISIBLE = re.compile(rb"[\x20-\x7e\t]*")
# Where JSON Schema 2020-12 has schemas; instance data (`default`, `enum`, …) is none.
_SINGLE = frozenset(
    {
        "items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties",
        "not", "if", "then", "else", "contentSchema",
    }
)  # fmt: skip
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})


class Mirrored(msgspec.Struct, frozen=True):
    """One annotated argument: the names that lead to it, its header's own part of the name, its JSON type."""

    path: tuple[str, ...]
    header: str
    type: str


class Misplaced(msgspec.Struct, frozen=True):
    """An annotation that is none, and why: its tool is not to be listed to HTTP clients."""

    why: str


def read_annotations(schema: msgspec.Raw | bytes) -> tuple[Mirrored, ...] | Misplaced:
    """What a tool's `inputSchema` mirrors; `Misplaced` where an annotation breaks the rules for one."""
    raw = bytes(schema)
    if ANNOTATION.encode() not in raw and b"\\u" not in raw:
        return ()
    try:
        root: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return ()
    found: dict[str, Mirrored] = {}
    for path, position in _positions(root):
        if ANNOTATION not in position:
            continue
        header, kind = position[ANNOTATION], position.get("type")
        if not path:
            return Misplaced(f"{ANNOTATION} stands where no chain of `properties` leads")
        where = ".".join(path)
        if not isinstance(header, str) or not _TOKEN.fullmatch(header):
            return Misplaced(f"{ANNOTATION} of {where} is no header name")
        if not isinstance(kind, str) or kind not in _TYPES:
            return Misplaced(f"{ANNOTATION} of {where}, which is no string, integer or boolean")
        if header.lower() in found:
            return Misplaced(f"{ANNOTATION} of {where} is taken by another property")
        found[header.lower()] = Mirrored(path, header, kind)
    return tuple(found.values())


def param_headers(annotations: Iterable[Mirrored], arguments: msgspec.Raw | None) -> dict[str, str]:
    """The headers that a call with these arguments carries; none for an argument that is absent or null."""
    headers: dict[str, str] = {}
    for annotation in annotations:
        text = _text(_value_at(arguments, annotation.path))
        if text is not None:
            headers[PREFIX + annotation.header] = encode_value(text)
    return headers


def check_params(
    annotations: Iterable[Mirrored], arguments: msgspec.Raw | None, headers: list[tuple[bytes, bytes]]
) -> str | None:
    """Why the `Mcp-Param-*` headers contradict the arguments, as public text; None when they agree."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name[:10].lower() == b"mcp-param-":
            found.setdefault(name.lower(), []).append(value.strip(_OWS))
    for annotation in annotations:
        header = PREFIX + annotation.header
        copies = found.get(header.lower().encode(), [])
        value = _value_at(arguments, annotation.path)
        fault = _disagreement(annotation, value, copies)
        if fault is not None:
            return f"{header} {fault}."
    return None


def _disagreement(annotation: Mirrored, value: object, copies: list[bytes]) -> str | None:
    where = ".".join(annotation.path)
    if len(copies) > 1:
        return "is given more than once"
    body = _text(value)
    if not copies:
        return None if body is None else f"is missing, and the body has `{where}`"
    if body is None:
        return f"is given, and the body has no `{where}` that it could mirror"
    if not _VISIBLE.fullmatch(copies[0]):
        return "holds characters that no header may"
    told = decode_value(copies[0].decode("latin-1"))
    if told is None:
        return "holds base64 that cannot be read"
    return None if told == body or _same_number(annotation, told, body) else f"differs from the body's `{where}`"


def _same_number(annotation: Mirrored, told: str, body: str) -> bool:
    if annotation.type != "integer":
        return False
    one, other = _NUMBER.fullmatch(told), _NUMBER.fullmatch(body)
    return one is not None and other is not None and int(one[1]) == int(other[1])


def _value_at(arguments: msgspec.Raw | None, path: tuple[str, ...]) -> object:
    """The decoded value at a path, None where there is none; what is no scalar stays `Raw`."""
    at = arguments
    for name in path:
        members = members_of(at) if at is not None else None
        at = members.get(name) if members else None
    if at is None or bytes(at)[:1] in (b"{", b"["):
        return at
    try:
        return msgspec.json.decode(at)
    except msgspec.DecodeError:
        return at


def _text(value: object) -> str | None:
    """A value as a header says it; None for what no header can say: absence, null, a structure."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


def _positions(root: object) -> Iterator[tuple[tuple[str, ...] | None, dict[str, Any]]]:
    """Every schema in a schema, with the chain of `properties` that leads to it; None off such a chain."""
    stack: list[tuple[tuple[str, ...] | None, object]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, dict):
            continue
        schema = cast("dict[str, Any]", node)
        yield path, schema
        for keyword, value in schema.items():
            stack += _below(path, keyword, value)


def _below(path: tuple[str, ...] | None, keyword: str, value: object) -> list[tuple[tuple[str, ...] | None, object]]:
    if keyword == "properties" and isinstance(value, dict):
        named = cast("dict[str, object]", value)
        return [((*path, name) if path is not None else None, below) for name, below in named.items()]
    if keyword in _SINGLE:
        return [(None, value)]
    if keyword in _MANY and isinstance(value, list):
        return [(None, below) for below in cast("list[object]", value)]
    if keyword in _NAMED and isinstance(value, dict):
        return [(None, below) for below in cast("dict[str, object]", value).values()]
    return []
