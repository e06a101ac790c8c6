"""The ledger is complete, and what it names is there."""

import pytest

from tests.integration.nginx.ledger import NO_ROWS, PROOFS, TRAPS
from tests.support.ledger import exists

ROWS = {f"B{number:02}" for number in (*range(1, 24), *range(46, 61))}
NAMED = [*((row, proof) for row, proofs in PROOFS.items() for proof in proofs), *TRAPS.items()]


def test_every_row_of_bodies_connections_and_access_has_a_proof() -> None:
    assert PROOFS.keys() | NO_ROWS == ROWS
    assert not PROOFS.keys() & NO_ROWS
    assert all(PROOFS.values())


@pytest.mark.parametrize(("what", "proof"), NAMED, ids=range(len(NAMED)))
def test_every_proof_exists(what: str, proof: str) -> None:
    assert exists(proof), what
