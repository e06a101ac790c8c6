"""JSON as people write it (comments, trailing commas, a BOM) to a tree that knows its lines.

Pure. Never raises on any bytes: what cannot be read is a `Notice` with file:line and JSON path. Messages never quote
the text, since the keys file is read here too (INTERFACE, Config).
"""

import json
import re
from bisect import bisect_right

from app.config.snapshot import Notice
from app.config.tree import Array, Document, Member, Node, Object, Scalar, kind, step

_MAX_DEPTH = 64
# Python refuses to convert integers much longer than this.
_LONGEST_INTEGER = 4000
_SKIP = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?(?![\w.])", re.ASCII)
_WORD = re.compile(r"[A-Za-z]+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
# What stands at the start of a string that `_STRING` does not take.
_STRING_START = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')


class _UnreadableError(Exception):
    def __init__(self, at: int, path: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.at, self.path, self.message, self.hint = at, path, message, hint


def load(data: bytes, file: str) -> Document | Notice:
    """The document in `data`, whose root must be an object; else the one reason why it cannot be read."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        return Notice(f"{file}:{line}", "", "not UTF-8", "save the file as UTF-8", error=True)
    reader = _Reader(text)
    try:
        root = reader.document()
    except _UnreadableError as bad:
        # What begins otherwise is YAML, TOML or no config at all.
        hint = bad.hint if text.lstrip().startswith(("{", "/")) else "the file is JSON, and begins with {"
        return Notice(f"{file}:{reader.line(bad.at)}", bad.path, bad.message, hint, error=True)
    if not isinstance(root, Object):
        return Notice(f"{file}:{root.line}", "", f"the file holds {kind(root)}, not an object in {{ }}", error=True)
    return Document(file, root)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._newlines = [found.start() for found in re.finditer("\n", text)]

    def line(self, at: int) -> int:
        return bisect_right(self._newlines, at - 1) + 1

    def document(self) -> Node:
        self._skip("")
        if self.at == len(self.text):
            raise _UnreadableError(self.at, "", "the file is empty")
        root = self._value("", 0)
        self._skip("")
        if self.at < len(self.text):
            raise _UnreadableError(self.at, "", "something follows the end of the document")
        return root

    def _skip(self, path: str) -> str:
        """To the next token; returns its first character, empty at the end."""
        found = _SKIP.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.text.startswith("/*", self.at):
            raise _UnreadableError(self.at, path, "a comment that starts here with /* never ends")
        return self.text[self.at : self.at + 1]

    def _value(self, path: str, depth: int) -> Node:
        char = self._skip(path)
        if depth > _MAX_DEPTH:
            raise _UnreadableError(self.at, path, f"nested deeper than {_MAX_DEPTH} levels")
        line = self.line(self.at)
        match char:
            case "{":
                return self._object(path, depth, line)
            case "[":
                return self._array(path, depth, line)
            case '"':
                return Scalar(self._string(path), "", line)
            case _:
                return self._literal(path, line)

    def _object(self, path: str, depth: int, line: int) -> Object:
        opened = self.at
        self.at += 1
        members: list[Member] = []
        while (char := self._skip(path)) != "}":
            if char != '"':
                self._expected('a key in double quotes, or "}"', opened, path)
            key_line = self.line(self.at)
            key = self._string(path)
            below = step(path, key)
            if self._skip(below) != ":":
                self._expected('":" after the key', opened, below)
            self.at += 1
            members.append(Member(key, key_line, self._value(below, depth + 1)))
            self._separator("}", opened, path)
        self.at += 1
        return Object(tuple(members), line)

    def _array(self, path: str, depth: int, line: int) -> Array:
        opened = self.at
        self.at += 1
        items: list[Node] = []
        while (char := self._skip(path)) != "]":
            if not char:
                self._expected('"]"', opened, path)
            items.append(self._value(step(path, len(items)), depth + 1))
            self._separator("]", opened, path)
        self.at += 1
        return Array(tuple(items), line)

    def _separator(self, closing: str, opened: int, path: str) -> None:
        ended = self.at
        char = self._skip(path)
        if char == ",":
            self.at += 1
        elif char != closing:
            # The comma is missing where the value ended, not where the next token is.
            self.at = ended if char else self.at
            self._expected(f'"," or "{closing}" after this value', opened, path)

    def _expected(self, what: str, opened: int, path: str) -> None:
        if self.at >= len(self.text):
            unclosed = f"what line {self.line(opened)} opens is never closed"
            raise _UnreadableError(self.at, path, f"the file ends too early: {unclosed}")
        quotes = "strings go in double quotes" if self.text[self.at] == "'" else ""
        raise _UnreadableError(self.at, path, f"expected {what}", quotes)

    def _string(self, path: str) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            begun = _STRING_START.match(self.text, self.at)
            at = begun.end() if begun else self.at
            if self.text.startswith("\\", at):
                raise _UnreadableError(at, path, "an escape JSON does not have", r"write \\ for a backslash")
            raise _UnreadableError(self.at, path, "a string that is not closed on its line")
        self.at = found.end()
        value = json.loads(found[0])
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise _UnreadableError(found.start(), path, "half a surrogate pair in a string")
        return value

    def _literal(self, path: str, line: int) -> Scalar:
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            exact = not number[1] and not number[2] and len(number[0]) <= _LONGEST_INTEGER
            return Scalar(int(number[0]) if exact else float(number[0]), number[0], line)
        word = _WORD.match(self.text, self.at)
        if word and word[0] in _WORDS:
            self.at = word.end()
            return Scalar(_WORDS[word[0]], word[0], line)
        if self.at >= len(self.text):
            raise _UnreadableError(self.at, path, "the file ends where a value should be")
        hint = "strings go in double quotes" if word or self.text[self.at] == "'" else ""
        raise _UnreadableError(self.at, path, "expected a value", hint)
