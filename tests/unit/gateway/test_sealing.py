"""What only we can make and read, and the key it hangs on."""

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.sealing import KEY_BYTES, KEY_FILE, Sealing, state_key

KEY = bytes(range(KEY_BYTES))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(), st.binary())
def test_what_was_sealed_is_read_back_with_the_same_binding(plain: bytes, binding: bytes) -> None:
    assert Sealing(KEY).unseal(Sealing(KEY).seal(plain, binding), binding) == plain


def test_the_same_thing_sealed_twice_is_two_texts_and_neither_shows_it() -> None:
    sealing = Sealing(KEY)
    one, two = sealing.seal(b"the servers own state", b""), sealing.seal(b"the servers own state", b"")
    assert one != two
    assert set(one) <= set(LETTERS)
    assert "servers" not in one


def test_each_character_altered_dropped_or_added_is_refused() -> None:
    sealing = Sealing(KEY)
    for plain in (b"x", b"xy", b"xyz"):  # the three ways in which base64 can end
        sealed = sealing.seal(plain, b"to ann")
        for at in range(len(sealed)):
            for other in {*LETTERS, "=", " ", "\n", "é"} - {sealed[at]}:
                assert sealing.unseal(sealed[:at] + other + sealed[at + 1 :], b"to ann") is None
            assert sealing.unseal(sealed[:at] + sealed[at + 1 :], b"to ann") is None
        for tail in ("=", "==", "A", "\n", " "):
            assert sealing.unseal(sealed + tail, b"to ann") is None


def test_another_binding_or_another_key_is_refused() -> None:
    sealed = Sealing(KEY).seal(b"x", b"to ann")
    assert Sealing(KEY).unseal(sealed, b"to eve") is None
    assert Sealing(bytes(KEY_BYTES)).unseal(sealed, b"to ann") is None


@given(st.text())
def test_any_other_text_is_refused_and_never_an_error(text: str) -> None:
    assert Sealing(KEY).unseal(text, b"") is None


def test_the_key_is_kept_and_its_owner_alone_can_read_it(tmp_path: Path) -> None:
    key = state_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert state_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_all_who_start_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(state_key, [tmp_path] * 32))) == 1


def test_without_a_place_to_keep_it_the_key_is_a_new_one_each_time(tmp_path: Path) -> None:
    assert len({state_key(None), state_key(None)}) == 2
    assert len({state_key(tmp_path / "missing"), state_key(tmp_path / "missing")}) == 2


def test_a_damaged_key_is_not_used_and_said_without_showing_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short-secret")
    with caplog.at_level(logging.WARNING):
        assert len(state_key(tmp_path)) == KEY_BYTES
    assert KEY_FILE in caplog.text
    assert "short-secret" not in caplog.text
