"""Every cell has tests that exist, and the document says of it what the table does."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.interop.cells import CELLS, COLUMNS, INJECTED, NOTHING, TABLE
from tests.support.pairs import PAIRS
from tests.support.programs import ROOT

BEGIN, END = "<!-- cells -->\n", "<!-- end of cells -->"
HEAD = "| | L → L | M → M | M → L | L → M | what cannot be |"


def proofs(feature: str, column: str) -> Iterator[str]:
    """The tests of one cell, as nodes below `tests/`."""
    row = TABLE[feature]
    if column in CELLS:
        era, server = PAIRS[column]
        yield from (test.format(cell=column, era=era, server=server) for test in row.every)
    yield from row.own.get(column, ())


EVERY = [(feature, column) for feature in TABLE for column in COLUMNS]


@pytest.fixture(scope="module")
def collected() -> frozenset[str]:
    """The nodes that pytest finds in the files that are named, and their functions."""
    named = [*(proof for cell in EVERY for proof in proofs(*cell)), *chain.from_iterable(INJECTED.values())]
    files = sorted({proof.partition("::")[0] for proof in named})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [f"tests/{file}" for file in files]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    nodes = [line.removeprefix("tests/") for line in found.stdout.splitlines() if "::" in line]
    return frozenset(nodes) | {node.partition("[")[0] for node in nodes}


@pytest.mark.parametrize(("feature", "column"), EVERY)
def test_every_cell_has_tests_that_exist_unless_there_is_nothing_to_show(
    feature: str, column: str, collected: frozenset[str]
) -> None:
    said = TABLE[feature].says[COLUMNS.index(column)]
    found = list(proofs(feature, column))
    assert found or said.startswith(NOTHING), f"{feature}, {column}: {said}: no test"
    for proof in found:
        assert proof in collected, f"{proof} is no test"


@pytest.mark.parametrize("fault", INJECTED)
def test_every_fault_inside_the_bridge_is_made_by_tests_that_exist(fault: str, collected: frozenset[str]) -> None:
    assert INJECTED[fault]
    assert set(INJECTED[fault]) <= collected


def test_the_document_has_the_table() -> None:
    rows = [f"| {feature} | {' | '.join(row.says)} |" for feature, row in TABLE.items()]
    table = "\n".join([HEAD, "|---|---|---|---|---|---|", *rows]) + "\n"
    text = Path(ROOT / "docs" / "eras.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table, f"docs/eras.md should have:\n{table}"
