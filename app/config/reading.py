"""Typed reading of one server's entry: every value is taken through here, and every complaint is collected.

Pure. Messages name keys, lines and kinds of values, never values that may be secret. May not know which keys exist.
"""

import math
import re
from collections.abc import Mapping

import msgspec

from app.config.expand import expand
from app.config.snapshot import Notice
from app.config.spelling import did_you_mean
from app.config.tree import Array, Node, Object, Scalar, kind, step

_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


class Field(msgspec.Struct, frozen=True):
    """A value with the key it was written under and its JSON path."""

    key: str
    path: str
    line: int
    node: Node


class EntryReader:
    """Reads values of one entry; `errors` disable the server, `notices` holds all that was found, in file order."""

    def __init__(self, file: str, env: Mapping[str, str]) -> None:
        self._file = file
        self._env = env
        self.notices: list[Notice] = []

    @property
    def errors(self) -> list[Notice]:
        return [notice for notice in self.notices if notice.error]

    def error(self, line: int, path: str, message: str, hint: str = "") -> None:
        self._note(line, path, message, hint, error=True)

    def warn(self, line: int, path: str, message: str, hint: str = "") -> None:
        self._note(line, path, message, hint, error=False)

    def string(self, field: Field, *, empty: bool = False) -> str | None:
        """The expanded string, or None after an error."""
        if not isinstance(field.node, Scalar) or not isinstance(field.node.value, str):
            return self._wrong(field, "a string")
        text = self._expanded(field, field.node.value)
        if text == "" and not empty:
            return self._wrong(field, "a string that is not empty", "an empty one")
        return text

    def word(self, field: Field) -> str | None:
        """A string, or a number or boolean as it was written."""
        node = field.node
        if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, str):
            return node.text
        return self.string(field, empty=True)

    def words(self, field: Field) -> tuple[str, ...]:
        """A list of strings and numbers."""
        if not isinstance(field.node, Array):
            self._wrong(field, "a list")
            return ()
        read = (self.word(_below(field, number, item)) for number, item in enumerate(field.node.items))
        return tuple(word for word in read if word is not None)

    def pairs(self, field: Field) -> dict[str, str]:
        """An object of strings and numbers; null leaves its key out."""
        found: dict[str, str] = {}
        for below in self.members(field):
            if isinstance(below.node, Scalar) and below.node.value is None:
                continue
            value = self.word(below)
            if value is not None:
                found[below.key] = value
        return found

    def members(self, field: Field) -> list[Field]:
        """The members of an object; of two equal keys the last one counts, with a warning."""
        if not isinstance(field.node, Object):
            self._wrong(field, "an object in { }")
            return []
        found: dict[str, Field] = {}
        for member in field.node.members:
            path = step(field.path, member.key)
            if member.key in found:
                self.warn(member.line, path, "given twice: the last one counts")
            found[member.key] = Field(member.key, path, member.line, member.node)
        return list(found.values())

    def seconds(self, field: Field) -> float | None:
        """A positive finite number; a string that reads as one counts, since `${VAR}` makes strings."""
        number = self._scalar(field)
        if isinstance(number, str) and _NUMBER.fullmatch(number):
            number = float(number)
        if isinstance(number, bool) or not isinstance(number, int | float):
            return self._wrong(field, "a number of seconds")
        if not math.isfinite(number) or number <= 0:
            return self._wrong(field, "a number of seconds above 0", "another number")
        return float(number)

    def boolean(self, field: Field) -> bool | None:
        value = self._scalar(field)
        if isinstance(value, str):
            value = _BOOLEANS.get(value.lower())
        return value if isinstance(value, bool) else self._wrong(field, "true or false")

    def choice(self, field: Field, choices: tuple[str, ...]) -> str | None:
        """One of `choices`, in any case."""
        text = self.string(field)
        if text is None:
            return None
        for choice in choices:
            if choice.lower() == text.lower():
                return choice
        hint = did_you_mean(text, choices)
        self.error(field.line, field.path, f"must be one of {', '.join(choices)}", hint)
        return None

    def _scalar(self, field: Field) -> str | int | float | bool | None:
        if not isinstance(field.node, Scalar):
            return None
        value = field.node.value
        return self._expanded(field, value) if isinstance(value, str) else value

    def _expanded(self, field: Field, text: str) -> str | None:
        result = expand(text, self._env)
        if result.odd:
            self.warn(field.node.line, field.path, result.odd)
        if result.problem:
            self._note(field.node.line, field.path, result.problem, result.hint, error=True, missing=result.missing)
            return None
        if "\0" in result.text:
            return self._wrong(field, "a string without NUL characters", "one with them")
        return result.text

    def _wrong(self, field: Field, wanted: str, got: str = "") -> None:
        # An expansion that failed has said so already.
        if not any(notice.error and notice.path == field.path for notice in self.notices):
            self.error(field.node.line, field.path, f"must be {wanted}, not {got or kind(field.node)}")

    def _note(self, line: int, path: str, message: str, hint: str, *, error: bool, missing: bool = False) -> None:
        self.notices.append(Notice(f"{self._file}:{line}", path, message, hint, error, missing))


def _below(field: Field, number: int, item: Node) -> Field:
    return Field(field.key, step(field.path, number), item.line, item)
