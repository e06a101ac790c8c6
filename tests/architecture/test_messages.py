"""What a page quotes as a message of ours is one: a message that is reworded takes its pages along."""

import ast
import re
from functools import cache

import pytest

from tests.architecture.test_docs import DOCS, rows
from tests.architecture.tree import python_files

MEANING = ("what it means", "what to do")
TABLES = [
    ("troubleshooting.md", ("you see", "why", "what to do")),
    ("operations.md", ("reason", *MEANING)),
    ("operations.md", ("message", "what to do")),
]
# What stands for something else in a quoted message, and where one is put together from parts.
_SEAMS = re.compile(r"\b[A-Z]+\b|\binitialize\b|\d+|…|: |\$\{input|\}")
SHORTEST = 4


@cache
def said() -> str:
    """Every text in the program, one on each line; what is filled in is left out."""
    trees = (ast.parse(path.read_text()) for path in python_files("app"))
    values = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    texts = (value.decode(errors="replace") if isinstance(value, bytes) else value for value in values)
    return "\n".join(text for text in texts if isinstance(text, str))


@pytest.mark.parametrize(("page", "headings"), TABLES, ids=[f"{page}: {heads[0]}" for page, heads in TABLES])
def test_every_quoted_message_is_one_of_the_programs(page: str, headings: tuple[str, ...]) -> None:
    quoted = [text for row in rows(DOCS / page, *headings) for text in re.findall(r"`([^`]+)`", row[0])]
    assert len(quoted) > 3
    parts = [(text, part) for text in quoted for part in _SEAMS.split(text) if len(part.strip()) >= SHORTEST]
    assert not [(text, part) for text, part in parts if part.strip(" ()") not in said()]
