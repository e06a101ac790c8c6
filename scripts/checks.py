"""What scripts/test runs, and the set-up for it: format, lint, types, import contracts, then all tests.

Standard library only. Whatever cannot be set up is a failure with its name.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import testenvs
from debian import SetupError, can_install, command_for, install, install_nginx
from environment import ensure
from node import ensure_node

# command: the Debian packages for it
SYSTEM = {
    "nginx": ["nginx"],
    "git": ["git"],
    "setpriv": ["util-linux"],
    "cc": ["gcc", "libc6-dev"],  # the bench's load generator
    "curl": ["curl"],
    "pgrep": ["procps"],
    "pebble": ["pebble"],  # an ACME authority
}
# For tests of the image and of compose.yaml. Without them those are NOT RUN, and fail in CI (tests/containers).
CONTAINERS = {
    "podman": ["podman", "netavark", "aardvark-dns"],
    "runc": ["runc"],
    "iptables": ["iptables"],
    "debootstrap": ["debootstrap"],
}
STEPS = {
    "ruff format": ["ruff", "format", "--check", "--quiet"],
    "ruff check": ["ruff", "check", "--quiet"],
    "pyright": ["pyright", "--warnings"],
    "lint-imports": ["lint-imports", "--no-logo"],
    "pytest": ["pytest"],
}
# Tests that install and deploy wait for networks and disks: they run beside all others, which wait for time.
BESIDE = ["tests/containers", "tests/integration/fresh"]
COUNTED = re.compile(r"(\d+) (passed|failed|skipped|error)")


def set_up(root: Path) -> str:
    """Sets up all that the tests need; answers the PATH to run them with. Raises SetupError naming what is missing."""
    venv = root / ".venv"
    ensure(venv, [root / "requirements.lock", root / "requirements-test.lock"], "dependencies and test tools")
    node = ensure_node(root)
    path = os.pathsep.join([str(venv / "bin"), str(node), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    failed = _system_programs(path)
    os.environ["PATH"] = path
    failed += testenvs.ensure_all(root, node)
    if failed:
        raise SetupError("\n".join(f"CANNOT SET UP {line}" for line in failed))
    return path


def _system_programs(path: str) -> list[str]:
    """Installs what is missing of them, if we may. Answers a line on what is still missing then."""

    def missing(wanted: Iterable[str]) -> list[str]:
        return [name for name in wanted if shutil.which(name, path=path) is None]

    if can_install():
        if "nginx" in missing(SYSTEM):
            install_nginx()
        if packages := _packages(missing(SYSTEM | CONTAINERS)):
            install(packages)
    left = missing(SYSTEM)
    return [f"{', '.join(left)}: install with\n    {command_for(_packages(left))}"] if left else []


def _packages(commands: list[str]) -> list[str]:
    return [package for command in commands for package in (SYSTEM | CONTAINERS)[command]]


def run(root: Path, path: str, arguments: list[str]) -> int:
    """Runs every step, pytest last, so that its summary closes the output. Answers the exit code."""
    environment = {**os.environ, "PATH": path}
    # Hundreds of processes import the same modules: each would compile all of them.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    failed: list[str] = []
    for name, command in STEPS.items():
        print(f"== {name}", flush=True)
        argv = [str(root / ".venv/bin" / command[0]), *command[1:]]
        if name == "pytest" and not arguments:
            good = _run_all_tests(argv, root, environment)
        else:
            argv += arguments if name == "pytest" else []
            good = subprocess.run(argv, cwd=root, env=environment, check=False).returncode == 0
        if not good:
            failed.append(name)
    if failed:
        print(f"FAILED: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def _run_all_tests(argv: list[str], root: Path, environment: Mapping[str, str]) -> bool:
    """Two runs at once: the output of the second is shown whole after that of the first, and then what both came to."""
    others = [*argv, *(f"--ignore={folder}" for folder in BESIDE)]
    with (
        tempfile.TemporaryFile("w+") as kept,
        subprocess.Popen([*argv, *BESIDE], cwd=root, env=environment, stdout=kept, stderr=kept) as second,
        subprocess.Popen(others, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as first,
    ):
        summaries = _shown(first.stdout or ())
        good = [process.wait() == 0 for process in (first, second)]
        kept.seek(0)
        summaries += _shown([f"== pytest {' '.join(BESIDE)}\n", *kept])
    counts = Counter[str]()
    for number, what in COUNTED.findall(summaries):
        counts[what] += int(number)
    print(f"== all tests: {', '.join(f'{number} {what}' for what, number in counts.items())}", flush=True)
    return all(good)


def _shown(lines: Iterable[str]) -> str:
    """Prints them as they come; answers the last one."""
    line = ""
    for line in lines:
        print(line, end="", flush=True)
    return line
