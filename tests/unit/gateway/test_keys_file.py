"""Writing the keys file: whole or not at all, 0600, nothing lost."""

import errno
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config.keys import read_keyring
from app.gateway.keys_file import KeysFileError, add_key, editing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "api_keys.json"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_key_is_stored_as_a_hash_in_a_file_of_its_owner(path: Path) -> None:
    key = add_key(path, "letta", scopes=("files", "!files:x"), expires_at="2099-01-01T00:00:00Z")
    assert mode(path) == 0o600
    assert key not in path.read_text()
    read = read_keyring("", path.read_bytes(), "k", 0.0)
    assert read.notices == ()
    principal = read.keyring.resolve(key.encode(), 0.0)
    assert principal is not None
    assert (principal.client_id, principal.grant.scopes) == ("letta", ("files", "!files:x"))
    assert read.keyring.keys[0].id == key[4:12]


def test_what_was_there_stays(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{\n // by hand\n "my-own-key-of-old": {"client_id": "a", "scopes": [], "note": 1,},\n}')
    add_key(path, "b")
    entries = json.loads(path.read_text())
    assert entries["my-own-key-of-old"] == {"client_id": "a", "scopes": [], "note": 1}
    assert len(entries) == 2
    assert [file.name for file in path.parent.iterdir()] == ["api_keys.json"]


def test_nothing_is_written_when_nothing_changed_or_the_block_fails(path: Path) -> None:
    add_key(path, "a")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    with editing(path):
        pass
    with pytest.raises(KeyError), editing(path) as entries:
        entries.pop("added, then failed: " + entries.popitem()[0])
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {}, "a": {}}'])
def test_a_file_with_mistakes_is_not_overwritten(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(KeysFileError, match="mend the file first"):
        add_key(path, "a")
    assert path.read_text() == text


def test_an_empty_file_is_filled(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    add_key(path, "a")
    assert len(json.loads(path.read_text())) == 1


def test_a_link_is_followed_and_stays(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    target = tmp_path / "kept.json"
    target.write_text("{}")
    path.symlink_to(target)
    add_key(path, "a")
    assert path.is_symlink()
    assert len(json.loads(target.read_text())) == 1


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeysFileError, match="cannot write it"):
        add_key(tmp_path / "file" / "data" / "keys.json", "a")


@contextmanager
def as_nobody() -> Iterator[int]:
    before = os.geteuid()
    os.seteuid(65534 if before == 0 else before)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(before)


def test_what_we_may_not_read_or_write_is_told_with_our_uid_and_stays(path: Path) -> None:
    add_key(path, "a")
    before = path.read_bytes()
    for folder in (path.parent.parent, path.parent):
        folder.chmod(0o755)
    path.chmod(0o644)
    if os.geteuid() != 0:
        path.parent.chmod(0o555)
    with as_nobody() as uid, pytest.raises(KeysFileError, match=f"uid {uid} and may not"):
        add_key(path, "b")
    path.parent.chmod(0o755)
    path.chmod(0o000)
    with as_nobody() as uid, pytest.raises(KeysFileError, match=f"uid {uid} and may not"):
        add_key(path, "b")
    path.chmod(0o600)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["api_keys.json"]


def test_a_rename_that_fails_leaves_the_old_file_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_key(path, "a")
    before = path.read_bytes()

    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(KeysFileError, match="mount its directory"):
        add_key(path, "b")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["api_keys.json"]


def test_writers_at_once_lose_no_key(path: Path) -> None:
    writers = [threading.Thread(target=add_key, args=(path, f"client{number}")) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(5)
    assert len(json.loads(path.read_text())) == 8
