"""What the ledgers of proofs share: a proof is a path below `tests/` and the name of a test, as `path::name`."""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]


@cache
def named_in(path: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(found.name for found in functions if found.name.startswith("test_"))


def exists(proof: str) -> bool:
    path, _, name = proof.partition("::")
    return name in named_in(path)
