"""No requirement without a test, and no test that names what is none."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.requirements.ledger import LEDGER

TESTS = Path(__file__).parents[1]
HERE = Path(__file__).parent
PAGES = ("basic", "server/")


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
    assert requirement.where.startswith(PAGES), requirement.where
    for proof in requirement.proofs:
        assert proof in marked(), f"{proof} is no test"
        assert ident in marked()[proof], f"{proof} does not carry `{ident}`"


def test_every_test_that_names_a_requirement_is_in_the_ledger_under_it() -> None:
    for test, idents in marked().items():
        for ident in idents:
            assert ident in LEDGER, f"{test} names {ident}, which is no requirement"
            assert test in LEDGER[ident].proofs, f"{test} is not in the ledger under {ident}"
