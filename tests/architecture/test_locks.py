"""The locked versions install from wheels alone, for every Python and machine that we say we run on."""

import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

UV = Path(sys.executable).with_name("uv")
LOCKS = ("requirements.lock", "requirements-node.lock")


PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")


def _resolve(python: str, machine: str) -> subprocess.CompletedProcess[str]:
    command = [UV, "pip", "compile", *LOCKS, "--no-deps", "--only-binary", ":all:", "--no-header", "--no-annotate"]
    command += ["--quiet", "--python-version", python, "--python-platform", f"{machine}-manylinux_2_28"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def resolved() -> dict[tuple[str, str], subprocess.CompletedProcess[str]]:
    """All of them at once: each waits for the index rather than for a processor."""
    kinds = [(python, machine) for python in PYTHONS for machine in MACHINES]
    with ThreadPoolExecutor(len(kinds)) as pool:
        return dict(zip(kinds, pool.map(lambda kind: _resolve(*kind), kinds), strict=True))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_every_locked_version_has_a_wheel(
    python: str, machine: str, resolved: dict[tuple[str, str], subprocess.CompletedProcess[str]]
) -> None:
    done = resolved[python, machine]
    assert done.returncode == 0, done.stderr
    locked = "".join((ROOT / lock).read_text() for lock in LOCKS)
    pins = re.findall(r"^([a-z0-9-]+==\S+)", done.stdout, re.MULTILINE)
    assert len(pins) > 30
    assert [pin for pin in pins if pin not in locked] == []


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    for lock, wanted in (
        ("requirements.lock", project["project"]["dependencies"]),
        ("requirements-node.lock", groups["node"]),
        ("requirements-test.lock", groups["test"]),
    ):
        text = (ROOT / lock).read_text()
        missing = [pin for pin in wanted if not re.search(rf"^{re.escape(pin)}[ \\]", text, re.MULTILINE)]
        assert missing == [], f"run scripts/lock: {lock}"


def test_tools_and_program_agree_on_the_versions_they_share() -> None:
    pins = [
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-test.lock")
    ]
    shared = pins[0].keys() & pins[1].keys()
    assert {name: (pins[0][name], pins[1][name]) for name in shared if pins[0][name] != pins[1][name]} == {}
