"""Servers get a home that can be written: the one there is, or one in the temporary directory, with a warning."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from app.serve.home import usable_home


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(folder))
    return folder


def test_a_home_that_can_be_written_stays(tmp_path: Path) -> None:
    assert usable_home({"HOME": str(tmp_path)}) == ({}, "")


def test_one_that_can_be_made_is_made_for_us_alone(tmp_path: Path) -> None:
    home = tmp_path / "data" / "home"
    assert usable_home({"HOME": str(home)}) == ({}, "")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_an_environment_without_one_is_left_alone() -> None:
    assert usable_home({}) == ({}, "")


def _unusable(tmp_path: Path) -> str:
    # Below a file nobody can make a directory, root neither.
    (tmp_path / "file").write_text("")
    return str(tmp_path / "file" / "home")


def test_one_that_cannot_is_replaced_by_the_same_one_at_every_start(tmp_path: Path, temporary: Path) -> None:
    env = {"HOME": _unusable(tmp_path)}
    change, warning = usable_home(env)
    home = Path(change["HOME"])
    assert home.parent == temporary
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert env["HOME"] in warning
    assert str(home) in warning
    assert usable_home(env) == (change, warning)


@pytest.mark.parametrize("trap", ["link", "open to all", "a file"])
def test_what_somebody_else_may_have_put_there_is_not_used(tmp_path: Path, temporary: Path, trap: str) -> None:
    place = temporary / f"gateway-home-{os.geteuid()}"
    if trap == "link":
        place.symlink_to(tmp_path)
    elif trap == "a file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    home = Path(usable_home({"HOME": _unusable(tmp_path)})[0]["HOME"])
    assert home != place
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
