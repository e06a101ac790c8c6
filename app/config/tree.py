"""What a JSON text says, with the line of every part: immutable nodes, and JSON paths as people write them.

Pure. May not know what the keys mean.
"""

import re
from typing import TypeAlias

import msgspec

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Scalar(msgspec.Struct, frozen=True):
    """A string, number, boolean or null; `text` is a number as it was written."""

    value: str | int | float | bool | None
    text: str
    line: int


class Array(msgspec.Struct, frozen=True):
    items: tuple["Node", ...]
    line: int


class Member(msgspec.Struct, frozen=True):
    """One `"key": value`; keys may repeat."""

    key: str
    line: int
    node: "Node"


class Object(msgspec.Struct, frozen=True):
    members: tuple[Member, ...]
    line: int


Node: TypeAlias = Scalar | Array | Object


class Document(msgspec.Struct, frozen=True):
    """A whole file: `file` is its name for `file:line`."""

    file: str
    root: Object


def kind(node: Node) -> str:
    """What a node is, for messages: never its value."""
    match node:
        case Object():
            return "an object"
        case Array():
            return "a list"
        case Scalar(value=None):
            return "null"
        case Scalar(value=bool()):
            return "a boolean"
        case Scalar(value=str()):
            return "a string"
        case Scalar():
            return "a number"


def step(path: str, key: str | int) -> str:
    """`mcpServers` and `files` make `mcpServers.files`; an index or an unusual name goes into brackets."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN.fullmatch(key):
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{quoted if quoted.isprintable() else ascii(quoted)[1:-1]}"]'
    return f"{path}.{key}" if path else key
