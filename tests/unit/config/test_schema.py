"""The tables that reading and the JSON Schema share."""

from itertools import combinations

from app.config.schema import ALIASES, ALL_KEYS, ELSEWHERE, ERAS, KEYS, POOLS, TRANSPORTS
from app.config.snapshot import ServerSpec
from app.config.spelling import near


def test_every_field_of_a_spec_has_its_key() -> None:
    derived = {"name", "label", "kind"}
    assert set(ServerSpec.__struct_fields__) - derived == set(KEYS) - {"transport", "disabled"}


def test_aliases_stand_for_keys_there_are() -> None:
    assert set(ALIASES.values()) <= set(KEYS)
    assert not set(ALIASES) & set(KEYS)


def test_no_key_of_another_program_is_also_ours() -> None:
    assert not set(ELSEWHERE) & set(ALL_KEYS)


def test_keys_are_far_enough_apart_to_guess_between_them() -> None:
    close = [(a, b) for a, b in combinations(KEYS, 2) if near(a, (b,))]
    assert close == []


def test_the_words_are_those_of_the_contract() -> None:
    assert POOLS == ("auto", "one", "client", "session")
    assert ERAS == ("auto", "legacy", "modern", "mirror")
    assert set(TRANSPORTS.values()) == {"stdio", "http", "sse"}
