import logging
from pathlib import Path

import pytest

from app.protocol.versions import Era
from app.upstream.verdicts import FILE_NAME, KEPT, Verdict, Verdicts

MODERN = Verdict(Era.MODERN, other=True)
LEGACY = Verdict(Era.LEGACY, other=False, sse=True)


def test_what_is_put_is_there_after_a_restart(tmp_path: Path) -> None:
    Verdicts(tmp_path).put("a", MODERN)
    Verdicts(tmp_path).put("b", LEGACY)
    again = Verdicts(tmp_path)
    assert again.get("a") == MODERN
    assert again.get("b") == LEGACY
    assert again.get("c") is None
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_none_forgets(tmp_path: Path) -> None:
    kept = Verdicts(tmp_path)
    kept.put("a", MODERN)
    kept.put("a", None)
    kept.put("never", None)
    assert Verdicts(tmp_path).get("a") is None


@pytest.mark.parametrize("spoilt", [b"", b"[]", b'{"a":1}', b"\xff", b'{"a":{"first":"ancient"}}', b"[" * 9999])
def test_a_spoilt_file_is_no_state_and_is_written_anew(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(spoilt)
    kept = Verdicts(tmp_path)
    assert kept.get("a") is None
    kept.put("a", MODERN)
    assert Verdicts(tmp_path).get("a") == MODERN


def test_a_directory_that_cannot_be_written_is_said_once_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    kept = Verdicts(tmp_path / "absent")
    kept.put("a", MODERN)
    kept.put("b", LEGACY)
    assert kept.get("b") == LEGACY
    assert len(caplog.records) == 1


def test_without_a_directory_nothing_is_written() -> None:
    kept = Verdicts(None)
    kept.put("a", MODERN)
    assert kept.get("a") == MODERN


def test_the_oldest_entries_make_room(tmp_path: Path) -> None:
    kept = Verdicts(None)
    for n in range(KEPT + 2):
        kept.put(str(n), MODERN)
    assert kept.get("1") is None
    assert kept.get("2") == MODERN
