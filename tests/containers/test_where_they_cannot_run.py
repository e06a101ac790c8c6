"""Without podman the tests of containers say that they did not run, and in CI that is a failure."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT


def _pytest(folder: Path, **environment: str) -> tuple[int, str]:
    """One test of the image where only git can be found."""
    (folder / "git").symlink_to("/usr/bin/git")
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    words = [sys.executable, "-m", "pytest", "tests/containers/test_image.py", "-k", "small", "-p", "no:cacheprovider"]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=kept | {"PATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_on_a_laptop_they_are_skipped_and_it_is_said(tmp_path: Path) -> None:
    code, said = _pytest(tmp_path)
    assert code == 0
    assert "NOT RUN: containers (" in said


def test_in_ci_that_is_a_failure(tmp_path: Path) -> None:
    code, said = _pytest(tmp_path, CI="true")
    assert code == 1
    assert "containers cannot run: " in said
