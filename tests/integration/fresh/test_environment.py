"""A virtual environment holds what its lock says, whatever happened to it: one environment, harmed in every way."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

PINS = ("iniconfig", "packaging")


def _lock(folder: Path, *names: str) -> Path:
    """A lock of these packages, with the hashes that the project's own lock has."""
    text = (ROOT / "requirements-test.lock").read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    path = folder / "small.lock"
    path.write_text("".join(block for block in blocks if block.startswith(tuple(f"{name}==" for name in names))))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a lock and the environment made from it."""
    from environment import ensure

    folder = tmp_path_factory.mktemp("place")
    assert ensure(folder / "venv", [_lock(folder, *PINS)], "things")
    yield folder
    shutil.rmtree(folder)


def _ensure(place: Path) -> bool:
    from environment import ensure

    return ensure(place / "venv", [place / "small.lock"], "things")


def _packages(place: Path) -> Path:
    (found,) = (place / "venv/lib").glob("python3.*/site-packages")
    return found


def _is_whole(place: Path) -> bool:
    packages = _packages(place)
    folders = [f"{name}-*.dist-info" for name in PINS]
    return (
        all(list(packages.glob(folder)) for folder in folders)
        and (packages / "packaging/version.py").stat().st_size > 0
    )


def test_a_whole_environment_is_left_alone_without_a_word_and_without_a_network(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    assert not _ensure(place)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "harm",
    [
        lambda packages: (packages / "packaging/version.py").unlink(),
        lambda packages: (packages / "packaging/version.py").write_text(""),
        lambda packages: shutil.rmtree(packages / "iniconfig"),
        lambda packages: [shutil.rmtree(folder) for folder in packages.glob("packaging-*.dist-info")],
    ],
    ids=["a file is gone", "a file is cut off", "a package is gone", "a package was removed"],
)
def test_what_is_missing_is_installed_again(place: Path, harm: Callable[[Path], object]) -> None:
    harm(_packages(place))
    assert _ensure(place)
    assert _is_whole(place)
    assert not _ensure(place)


def test_a_changed_lock_is_followed(place: Path) -> None:
    lock = _lock(place, *PINS, "pluggy")
    assert _ensure(place)
    assert list(_packages(place).glob("pluggy-*.dist-info"))
    lock = _lock(place, *PINS)
    assert _ensure(place)
    assert lock.exists()


def test_an_environment_without_its_interpreter_is_made_again(place: Path) -> None:
    for link in (place / "venv/bin").glob("python*"):
        link.unlink()
    assert _ensure(place)
    assert _is_whole(place)


def test_an_environment_that_was_half_made_is_made_again(place: Path) -> None:
    for folder in _packages(place).glob("pip-*.dist-info"):
        shutil.rmtree(folder)
    assert _ensure(place)
    assert _is_whole(place)


def test_an_environment_that_was_moved_is_made_again(place: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(place, moved, symlinks=True)
    assert _ensure(moved)
    assert str(moved) in (moved / "venv/bin/pip").read_text()


def test_a_package_that_is_not_what_was_locked_is_refused(place: Path) -> None:
    from debian import SetupError

    lock = place / "small.lock"
    lock.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", _lock(place, "pluggy").read_text()))
    with pytest.raises(SetupError, match="HASH") as refused:
        _ensure(place)
    assert "Run this again" in str(refused.value)
    _lock(place, *PINS)


def test_settings_of_pip_cannot_send_packages_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", str(place / "elsewhere"))
    (_packages(place) / "packaging/version.py").unlink()
    assert _ensure(place)
    assert _is_whole(place)
    assert not (place / "elsewhere").exists()


def test_the_interpreter_behind_an_activated_environment_is_used() -> None:
    from environment import base_python

    assert not Path(base_python()).is_relative_to(ROOT / ".venv")
    assert os.access(base_python(), os.X_OK)
