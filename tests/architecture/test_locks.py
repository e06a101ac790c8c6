"""The locked versions install from wheels alone, for every Python and machine that we say we run on."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from tests.architecture.tree import ROOT

UV = Path(sys.executable).with_name("uv")
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
MACHINES = ("x86_64", "aarch64")
# What a wheel's name says of the oldest libc it runs with, where ours is 2.28.
LIBCS = (*(f"manylinux_2_{minor}" for minor in range(5, 29)), "manylinux2014", "manylinux2010", "manylinux1", "linux")


@pytest.fixture(scope="module")
def locked() -> str:
    return "".join((ROOT / lock).read_text() for lock in ("requirements.lock", "requirements-node.lock"))


@pytest.fixture(scope="module")
def pins(locked: str) -> list[Requirement]:
    return [Requirement(line) for line in re.findall(r"^[a-z0-9-]+==[^\\\n]+", locked, re.MULTILINE)]


@pytest.fixture(scope="module")
def packages(pins: list[Requirement], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Each locked version with its `wheels`, as the index has them now."""
    folder = tmp_path_factory.mktemp("locked")
    project = '[project]\nname = "locked"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = {}\n'
    (folder / "pyproject.toml").write_text(project.format(json.dumps([str(pin) for pin in pins])))
    subprocess.run([UV, "lock", "--no-build", "--quiet"], cwd=folder, check=True)
    return tomllib.loads((folder / "uv.lock").read_text())["package"]


def _tags(python: tuple[int, int], machine: str) -> set[Tag]:
    platforms = [f"{libc}_{machine}" for libc in LIBCS]
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, platforms=platforms)}


def _file(wheel: dict[str, Any]) -> str:
    return str(wheel["url"]).rpartition("/")[2]


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: ".".join(map(str, python)))
@pytest.mark.parametrize("machine", MACHINES)
def test_every_locked_version_has_a_wheel(
    python: tuple[int, int], machine: str, locked: str, pins: list[Requirement], packages: list[dict[str, Any]]
) -> None:
    version = ".".join(map(str, python))
    there = {"python_version": version, "python_full_version": f"{version}.0", "platform_machine": machine}
    wanted = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(there)]
    assert len(wanted) > 30
    tags = _tags(python, machine)
    installable = {
        f"{package['name']}=={package['version']}"
        for package in packages
        for wheel in package.get("wheels", ())
        if wheel["hash"] in locked and tags & parse_wheel_filename(_file(wheel))[3]
    }
    assert [str(pin) for pin in wanted if f"{pin.name}{pin.specifier}" not in installable] == []


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
