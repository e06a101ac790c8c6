"""Virtual environments that hold exactly what a lock says: made, checked at every start, and repaired.

Standard library only; also reads an environment that is half made or damaged. A check costs some 50 ms and no network.
"""

import csv
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from debian import SetupError, can_install, command_for, install

STAMPS = ".locked"
PLACE = "place"
# What a setting of the user's own must not change: where packages go.
PIP_SETTINGS = {
    "PIP_USER": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_TARGET": "",
    "PIP_PREFIX": "",
}


def ensure(venv: Path, locks: list[Path], what: str) -> bool:
    """Makes `venv` hold what all of `locks` pin; `what` names them for people. Answers whether anything was done.

    Raises SetupError, with what to do, where that cannot be had. After an interruption it is called again, and goes on.
    """
    packages = _site_packages(venv)
    damaged = _damaged(packages, locks) if packages else []
    if packages is None or not _has_pip(packages):
        _create(venv)
        packages = _site_packages(venv)
        if packages is None:
            raise SetupError(f"{venv} was made, but its Python does not start. Is this machine's Python whole?")
        damaged = []
    for folder in damaged:
        # Without its record a package counts as not installed, and is installed anew.
        shutil.rmtree(folder)
    stale = [lock for lock in locks if not _stamped(venv, packages, lock)]
    for lock in stale:
        _install(venv, lock, what)
        _stamp(venv, packages, lock)
    return bool(stale)


def base_python() -> str:
    """The interpreter behind the one that runs, which may itself be that of an activated virtual environment."""
    return str(getattr(sys, "_base_executable", sys.executable)) if sys.prefix != sys.base_prefix else sys.executable


def require_venv() -> None:
    """Makes sure that this Python can make virtual environments: Debian keeps that in a package of its own."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    version = f"python3.{sys.version_info.minor}"
    own = os.path.realpath("/usr/bin/python3") == os.path.realpath(base_python())
    package = "python3-venv" if own else f"{version}-venv"
    if not can_install():
        raise SetupError(f"This Python lacks venv. Install it, then run this again:\n\n    {command_for([package])}\n")
    install([package])


def _create(venv: Path) -> None:
    require_venv()
    print(f"Making {venv.name} with Python {sys.version.split()[0]}", flush=True)
    command = [base_python(), "-I", "-m", "venv", "--clear", str(venv)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(f"Making {venv} failed:\n{(done.stdout + done.stderr).strip()}")
    (venv / STAMPS).mkdir()
    (venv / STAMPS / PLACE).write_text(str(venv))


def _site_packages(venv: Path) -> Path | None:
    """Where the environment keeps packages; None if its interpreter does not work, or it was made for another place."""
    code = "import sys, sysconfig; print(sysconfig.get_path('purelib') if sys.version_info >= (3, 11) else '')"
    try:
        place = venv / STAMPS / PLACE
        moved = place.exists() and place.read_text() != str(venv)
        done = subprocess.run(
            [venv / "bin/python", "-I", "-c", code], check=False, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    path = Path(done.stdout.strip() or "/nonexistent")
    return path if done.returncode == 0 and path.is_dir() and not moved else None


def _has_pip(packages: Path) -> bool:
    """Whether the environment's pip is there, whole."""
    folders = list(packages.glob("pip-*.dist-info"))
    return bool(folders) and all(_whole(packages, folder) for folder in folders)


def _damaged(packages: Path, locks: list[Path]) -> list[Path]:
    """The `.dist-info` folders of locked packages of which a file is missing or has another size than was recorded."""
    pinned = {name for lock in locks for name in _pins(lock)}
    return [folder for folder in _installed(packages) if _name(folder) in pinned and not _whole(packages, folder)]


def _whole(packages: Path, folder: Path) -> bool:
    try:
        with (folder / "RECORD").open(newline="", encoding="utf-8") as record:
            return all(_as_recorded(packages, row) for row in csv.reader(record))
    except OSError:
        return False


def _as_recorded(packages: Path, row: list[str]) -> bool:
    if len(row) != 3 or not row[2] or row[0].endswith(".pyc"):
        return True
    try:
        return os.stat(f"{packages}/{row[0]}").st_size == int(row[2])
    except OSError:
        return False


def _installed(packages: Path) -> list[Path]:
    return sorted(packages.glob("*.dist-info"))


def _name(folder: Path) -> str:
    return re.sub(r"[-_.]+", "-", folder.name.split("-")[0]).lower()


def _pins(lock: Path) -> list[str]:
    return re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", lock.read_text(), re.MULTILINE)


def _stamped(venv: Path, packages: Path, lock: Path) -> bool:
    try:
        stamp = json.loads((venv / STAMPS / lock.name).read_text())
        return stamp["lock"] == _digest(lock) and all((packages / name).is_dir() for name in stamp["packages"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _stamp(venv: Path, packages: Path, lock: Path) -> None:
    pinned = set(_pins(lock))
    names = [folder.name for folder in _installed(packages) if _name(folder) in pinned]
    (venv / STAMPS).mkdir(exist_ok=True)  # Somebody may have made the environment by hand.
    partial = venv / STAMPS / f"{lock.name}.partial"
    partial.write_text(json.dumps({"lock": _digest(lock), "packages": names}))
    partial.replace(venv / STAMPS / lock.name)


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _install(venv: Path, lock: Path, what: str) -> None:
    count = len(_pins(lock))
    print(f"Installing {what}: {count} packages of {lock.name}, each checked against its hash (once)", flush=True)
    # What is imported is compiled then: doing all of it now would take longer than the rest.
    options = ["--quiet", "--no-deps", "--no-compile", "--require-hashes"]
    command = [venv / "bin/python", "-I", "-m", "pip", "install", *options, "-r", lock]
    environment = {**os.environ, **PIP_SETTINGS}
    done = subprocess.run(
        command, check=False, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise SetupError(
            f"{tail}\n\nInstalling {lock.name} failed; pip's words are above. Is there a network? pip's own settings "
            "(pip.conf, PIP_*, HTTPS_PROXY) are honoured. Run this again to go on where it stopped."
        )
