"""No requirement without a test, no test that names what is none, and no MUST of the specification without either."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.requirements.ledger import LEDGER
from tests.requirements.sentences import LINES, NOT_OURS, PAGES
from tests.requirements.specification import Sentence, sentences

TESTS = Path(__file__).parents[1]
HERE = Path(__file__).parent


@cache
def marked() -> dict[str, frozenset[str]]:
    """Every test of the tree as `path::name`, with the requirements that it says it proves."""
    paths = (path for path in TESTS.rglob("test_*.py") if path.parent != HERE and "node_modules" not in path.parts)
    return {
        f"{path.relative_to(TESTS)}::{function.name}": frozenset(_named(function))
        for path in paths
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name.startswith("test_")
    }


def _named(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
            for argument in decorator.args:
                assert isinstance(argument, ast.Constant), f"{function.name}: ids are written out"
                yield str(argument.value)


@pytest.mark.parametrize("ident", LEDGER)
def test_every_requirement_has_proofs_that_exist_and_name_it(ident: str) -> None:
    requirement = LEDGER[ident]
    assert requirement.proofs, "a requirement without a test"
    assert requirement.text.endswith(".")
    assert requirement.where.partition("#")[0] in PAGES, requirement.where
    for proof in requirement.proofs:
        assert proof in marked(), f"{proof} is no test"
        assert ident in marked()[proof], f"{proof} does not carry `{ident}`"


def test_every_test_that_names_a_requirement_is_in_the_ledger_under_it() -> None:
    for test, idents in marked().items():
        for ident in idents:
            assert ident in LEDGER, f"{test} names {ident}, which is no requirement"
            assert test in LEDGER[ident].proofs, f"{test} is not in the ledger under {ident}"


@pytest.mark.parametrize("page", PAGES)
def test_every_sentence_with_a_must_is_in_the_ledger_or_has_a_reason_not_to_be(page: str) -> None:
    for line in (line for line in LINES if line.where.partition("#")[0] == page):
        a_reason = len(line.standing) == 1 and line.standing[0] in NOT_OURS
        assert a_reason or set(line.standing) <= LEDGER.keys(), line
        assert line.says.endswith("."), line


def test_every_requirement_is_that_of_some_sentence() -> None:
    assert {ident for line in LINES for ident in line.standing} == LEDGER.keys() | NOT_OURS.keys()


def test_what_requires_something_is_found_on_a_page_sentence_by_sentence() -> None:
    page = """---
title: A page
---
All **MUST** work. Some may rest; others **MUST NOT**:

## A `Part` of it
- One is
  REQUIRED.
- None is.
```json
"MUST"
```
| a | MUST |
"""
    assert list(sentences("page", page)) == [
        Sentence("page", "All **MUST** work."),
        Sentence("page", "Some may rest; others **MUST NOT**:"),
        Sentence("page#a-part-of-it", "- One is REQUIRED."),
        Sentence("page#a-part-of-it", "| a | MUST |"),
    ]
