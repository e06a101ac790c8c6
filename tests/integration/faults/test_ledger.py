"""The ledger is complete, and what it names is there."""

from pathlib import Path

import pytest

from tests.integration.faults.ledger import ELSEWHERE, NO_FAULTS, PROOFS
from tests.support.ledger import TESTS, exists, named_in

HERE = Path(__file__).parent


def test_every_fault_of_a_server_the_config_and_the_machine_has_a_proof_or_is_said_to_be_another_s() -> None:
    numbers = {f"F{number:02}" for number in (*range(1, 52), 56)}
    assert PROOFS.keys() | ELSEWHERE.keys() | NO_FAULTS == numbers
    assert not PROOFS.keys() & (ELSEWHERE.keys() | NO_FAULTS)


@pytest.mark.parametrize("fault", PROOFS)
def test_every_proof_exists(fault: str) -> None:
    assert PROOFS[fault]
    assert [proof for proof in PROOFS[fault] if not exists(proof)] == []


def test_every_test_named_after_a_fault_is_in_its_place() -> None:
    for path in (str(file.relative_to(TESTS)) for file in HERE.glob("test_f*.py")):
        for name in named_in(path):
            faults = [part.upper() for part in name.split("_")[1:3] if part[:1] == "f" and part[1:].isdigit()]
            assert faults, f"{name} names no fault"
            for fault in faults:
                assert f"{path}::{name}" in PROOFS[fault]
