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
    assert (steps / "noted").read_text().startswith("bad\ngood\ngood ")
    assert capfd.readouterr().out.splitlines()[-1] == "FAILED: one"


# Ends as pytest does, in the words of the run that it is.
TWO_RUNS = """#!/bin/sh
case "$*" in *--ignore=*) said=$FIRST ;; *) said=$SECOND ;; esac
echo "==== $said in 1.23s ===="
case "$said" in *failed* | *error*) exit 1 ;; esac
"""


@pytest.mark.parametrize(
    ("said", "both"),
    [
        (("40 passed, 2 skipped", "6 passed, 1 skipped"), "46 passed, 3 skipped"),
        (("1 failed, 40 passed", "6 passed"), "1 failed, 46 passed"),
        (("40 passed", "5 passed, 2 errors"), "45 passed, 2 error"),
    ],
)
def test_all_tests_are_two_runs_at_once_and_their_results_one_sum(
    steps: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    said: tuple[str, str],
    both: str,
) -> None:
    import checks

    (steps / ".venv/bin/note").write_text(TWO_RUNS)
    monkeypatch.setattr(checks, "STEPS", {"pytest": ["note", "good"]})
    monkeypatch.setenv("FIRST", said[0])
    monkeypatch.setenv("SECOND", said[1])
    assert checks.run(steps, "/usr/bin:/bin", []) == ("failed" in both or "error" in both)
    out = capfd.readouterr().out
    assert out.index(said[0]) < out.index(said[1]) < out.index(f"== all tests: {both}\n")


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
