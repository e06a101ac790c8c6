"""scripts/test: every step runs, the exit code is 0 only if all passed, and what failed is named."""

from pathlib import Path

import pytest


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose steps are one program: it fails if its argument is `bad`, and notes what it was given."""
    import checks

    program = tmp_path / ".venv/bin/note"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@" >> noted\n[ "$1" != bad ]\n')
    program.chmod(0o755)
    monkeypatch.setattr(checks, "STEPS", {"one": ["note", "good"], "pytest": ["note", "good"]})
    return tmp_path


def test_all_good_is_zero_and_arguments_go_to_pytest(steps: Path) -> None:
    import checks

    assert checks.run(steps, "/usr/bin:/bin", ["-k", "names"]) == 0
    assert (steps / "noted").read_text() == "good\ngood -k names\n"


def test_a_failed_step_is_named_and_the_others_run(
    steps: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import checks

    monkeypatch.setattr(checks, "STEPS", {"one": ["note", "bad"], "two": ["note", "good"], "pytest": ["note", "good"]})
    assert checks.run(steps, "/usr/bin:/bin", []) == 1
    assert (steps / "noted").read_text() == "bad\ngood\ngood\n"
    assert capfd.readouterr().out.splitlines()[-1] == "FAILED: one"


def test_pytest_is_last_so_that_its_summary_closes_the_output() -> None:
    import checks

    assert list(checks.STEPS)[-1] == "pytest"


def test_a_test_environment_that_cannot_be_set_up_is_named(tmp_path: Path) -> None:
    import testenvs

    (tmp_path / "tests/locks/broken").mkdir(parents=True)
    (tmp_path / "tests/locks/broken/package-lock.json").write_text('{"packages": {}}')
    (tmp_path / "tests/locks/broken/package.json").write_text("{")
    (failed,) = testenvs.ensure_all(tmp_path, tmp_path / "no-node-here")
    assert failed.startswith("test environment broken: ")
