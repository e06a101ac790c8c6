"""The locked versions install from wheels alone, for every Python and machine that we say we run on."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

UV = Path(sys.executable).with_name("uv")
LOCKS = ("requirements.lock", "requirements-node.lock")


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_locked_version_has_a_wheel(python: str, machine: str) -> None:
    command = [
        UV,
        "pip",
        "compile",
        *LOCKS,
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-header",
        "--no-annotate",
        "--quiet",
    ]
    command += ["--python-version", python, "--python-platform", f"{machine}-manylinux_2_28"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    locked = "".join((ROOT / lock).read_text() for lock in LOCKS)
    resolved = re.findall(r"^([a-z0-9-]+==\S+)", done.stdout, re.MULTILINE)
    assert len(resolved) > 30
    assert [pin for pin in resolved if pin not in locked] == []


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
