import logging
import os
from pathlib import Path

import msgspec
import pytest

from app.relay.catalog import Item, ServerCatalog
from app.upstream import catalogs as module
from app.upstream.catalogs import Catalogs

ODD = msgspec.Raw(b'{"x": 1.0,\t"y":"\\u00e9"}')
FILES = ServerCatalog((Item("echo", {"name": msgspec.Raw(b'"echo"'), "own": ODD}),), instructions="Take care.")


def test_what_was_listed_is_there_after_a_restart_byte_for_byte(tmp_path: Path) -> None:
    Catalogs(tmp_path).put("files", "a" * 64, FILES)
    found = Catalogs(tmp_path).get("files", "a" * 64)
    assert found is not None
    assert bytes(found.tools[0].members["own"]) == bytes(ODD)
    assert msgspec.json.encode(found) == msgspec.json.encode(FILES)
    [file] = (tmp_path / "catalogs").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("files.json", 0o600)


def test_another_entry_is_another_server(tmp_path: Path) -> None:
    kept = Catalogs(tmp_path)
    kept.put("files", "a" * 64, FILES)
    assert kept.get("files", "b" * 64) is None
    assert kept.get("others", "a" * 64) is None


@pytest.mark.parametrize("spoilt", [b"", b"{", b'{"identity": 1}', b"\xff", b"[" * 100_000])
def test_a_spoilt_file_is_no_catalog(tmp_path: Path, spoilt: bytes) -> None:
    kept = Catalogs(tmp_path)
    kept.put("files", "a", FILES)
    (tmp_path / "catalogs" / "files.json").write_bytes(spoilt)
    assert kept.get("files", "a") is None


def test_what_cannot_be_written_is_said_and_hurts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "catalogs").write_text("in the way")
    Catalogs(tmp_path).put("files", "a", FILES)
    assert "not kept" in caplog.text


def test_too_large_a_catalog_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    kept = Catalogs(tmp_path)
    kept.put("files", "a", FILES)
    monkeypatch.setattr(module, "LARGEST", 10)
    assert kept.get("files", "a") is None
    kept.put("others", "a", FILES)
    assert "is not kept" in caplog.text
    assert kept.get("others", "a") is None


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    kept = Catalogs(tmp_path)
    for age, name in enumerate(("new", "old", "oldest")):
        kept.put(name, "a", FILES)
        os.utime(tmp_path / "catalogs" / f"{name}.json", (1000 - age, 1000 - age))
    kept.put("newest", "a", FILES)
    assert {file.name for file in (tmp_path / "catalogs").iterdir()} == {"new.json", "newest.json"}


def test_without_a_directory_nothing_is_kept() -> None:
    kept = Catalogs(None)
    kept.put("files", "a", FILES)
    assert kept.get("files", "a") is None
