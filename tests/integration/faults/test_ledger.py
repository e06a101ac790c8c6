"""The ledger is complete, and what it names is there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.integration.faults.ledger import ELSEWHERE, NO_FAULTS, PROOFS

TESTS = Path(__file__).parents[2]


@cache
def named(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(found.name for found in functions if found.name.startswith("test_"))


def test_every_fault_up_to_f49_has_a_proof_or_is_said_to_be_another_s() -> None:
    numbers = {f"F{number:02}" for number in range(1, 50)}
    assert PROOFS.keys() | ELSEWHERE.keys() | NO_FAULTS == numbers
    assert not PROOFS.keys() & (ELSEWHERE.keys() | NO_FAULTS)


@pytest.mark.parametrize("fault", PROOFS)
def test_every_proof_exists(fault: str) -> None:
    assert PROOFS[fault]
    for proof in PROOFS[fault]:
        path, _, name = proof.partition("::")
        assert name in named(TESTS / path), proof


def test_every_test_named_after_a_fault_is_in_its_place() -> None:
    for path in Path(__file__).parent.glob("test_f*.py"):
        for name in named(path):
            faults = [part.upper() for part in name.split("_")[1:3] if part[:1] == "f" and part[1:].isdigit()]
            assert faults, f"{name} names no fault"
            for fault in faults:
                assert f"integration/faults/{path.name}::{name}" in PROOFS[fault]
