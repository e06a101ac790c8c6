"""Edits of the config of a running gateway, in every way people make them; the servers in `kept` stay as they are."""

import itertools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.programs import workbench

Entry = dict[str, Any]


class Editor:
    """`kept` are the entries that no edit touches; `edited` is one that each `edit` changes."""

    def __init__(self, path: Path, kept: Mapping[str, Entry]) -> None:
        self.path = path
        self._kept = dict(kept)
        self._others: dict[str, Entry] = {"edited": workbench("edited"), "named0": workbench("named")}
        self._numbers = itertools.count(1)
        self._done = 0
        self.counted: dict[str, int] = {}
        """How often each was made, by name."""
        self._kinds: list[Callable[[int], None]] = [
            self.add,
            self.edit,
            self.invalid,
            self.rename,
            self.truncated,
            self.touch,
            self.remove,
        ]

    def next(self) -> str:
        """Make the next edit; its name."""
        make = self._kinds[self._done % len(self._kinds)]
        self._done += 1
        make(next(self._numbers))
        name = make.__name__
        self.counted[name] = self.counted.get(name, 0) + 1
        return name

    def restore(self, others: Mapping[str, Entry] | None = None) -> None:
        """The kept servers, the one that is edited as it was at first, and `others`."""
        self._others = {"edited": workbench("edited"), "named0": workbench("named"), **(others or {})}
        self._replace(self._text())

    def servers(self) -> list[str]:
        """Names in the file, if it is whole."""
        return [*self._kept, *self._others]

    def add(self, number: int) -> None:
        self._others["added"] = workbench("added", number=str(number))
        self._replace(self._text())

    def remove(self, number: int) -> None:
        self._others.pop("added", None)
        self._overwrite(self._text())

    def edit(self, number: int) -> None:
        self._others["edited"] = workbench("edited", number=str(number))
        self._overwrite(self._text())

    def rename(self, number: int) -> None:
        self._others = {
            f"named{number}" if name.startswith("named") else name: entry for name, entry in self._others.items()
        }
        self._replace(self._text())

    def invalid(self, number: int) -> None:
        """Not JSON, or servers that are none, by turns."""
        text = json.dumps({"mcpServers": ["calm"]}) if number % 2 else '{"mcpServers": {"calm0": }}'
        self._replace(text)

    def truncated(self, number: int) -> None:
        """The beginning of a good file, as a writer leaves it who is not finished or has no room."""
        text = self._text()
        self._overwrite(text[: len(text) * (1 + number % 5) // 6])

    def touch(self, number: int) -> None:
        """The last good file, and then nothing but a new time."""
        self._overwrite(self._text())
        os.utime(self.path)

    def _text(self) -> str:
        return json.dumps({"mcpServers": {**self._kept, **self._others}}, indent=1)

    def _replace(self, text: str) -> None:
        """As editors and `sed -i` do."""
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self.path)

    def _overwrite(self, text: str) -> None:
        with self.path.open("r+") as file:
            file.truncate()
            file.write(text)
