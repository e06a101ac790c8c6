"""The ledger is complete, and what it names is there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.integration.nginx.ledger import NO_ROWS, PROOFS, TRAPS

TESTS = Path(__file__).parents[2]
ROWS = {f"B{number:02}" for number in (*range(1, 24), *range(46, 61))}
NAMED = [*((row, proof) for row, proofs in PROOFS.items() for proof in proofs), *TRAPS.items()]


@cache
def named(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(found.name for found in functions if found.name.startswith("test_"))


def test_every_row_of_bodies_connections_and_access_has_a_proof() -> None:
    assert PROOFS.keys() | NO_ROWS == ROWS
    assert not PROOFS.keys() & NO_ROWS
    assert all(PROOFS.values())


@pytest.mark.parametrize(("what", "proof"), NAMED, ids=range(len(NAMED)))
def test_every_proof_exists(what: str, proof: str) -> None:
    path, _, name = proof.partition("::")
    assert name in named(TESTS / path), what
