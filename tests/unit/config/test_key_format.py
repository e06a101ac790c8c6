"""The keys we make."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.key_format import ENTROPY, hashed, is_hashed, key_id, new_key, stored_digest

KEY = new_key(bytes(range(ENTROPY)))


@given(st.binary(min_size=ENTROPY, max_size=ENTROPY))
def test_a_key_has_one_form_and_its_public_part_names_it(entropy: bytes) -> None:
    key = new_key(entropy)
    assert len(key) == 62
    assert key.isascii()
    assert key.replace("_", "").isalnum()
    assert key_id(key) == key[4:12]


@given(st.integers(0, 61), st.sampled_from("0Az_"))
def test_a_typo_is_seen_by_the_checksum(at: int, char: str) -> None:
    typed = KEY[:at] + char + KEY[at + 1 :]
    assert (key_id(typed) is not None) == (typed == KEY)


def test_different_randomness_makes_different_keys() -> None:
    assert len({new_key(bytes([number]) * ENTROPY) for number in range(256)}) == 256
    with pytest.raises(ValueError, match="40 random bytes"):
        new_key(b"short")


def test_a_stored_hash_and_the_key_itself_have_one_digest() -> None:
    assert stored_digest(hashed(KEY)) == stored_digest(KEY) == hashlib.sha256(KEY.encode()).digest()
    assert stored_digest(hashed(KEY).upper().replace("SHA256", "sha256")) == stored_digest(KEY)
    assert is_hashed(hashed(KEY))
    assert not is_hashed(KEY)


@pytest.mark.parametrize("text", ["sha256:", "sha256:12", "sha256:" + "g" * 64, "sha256:" + "0" * 65])
def test_a_hash_of_another_length_or_alphabet_is_none(text: str) -> None:
    assert stored_digest(text) is None
