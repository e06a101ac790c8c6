"""What the tests need beside `.venv`: a virtual environment or a node_modules folder per entry of tests/locks.

`tests/locks/NAME.txt` becomes `.testenv/NAME` (a venv), `tests/locks/NAME/package-lock.json` becomes
`.testenv/NAME/node_modules`. Standard library only.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from debian import SetupError
from environment import ensure

STAMP = ".locked"


def ensure_all(root: Path, node: Path) -> list[str]:
    """Sets all of them up, two at a time; `node` is the folder of node and npm. Answers a line for each that failed."""
    locks = root / "tests/locks"
    jobs: dict[str, Callable[[], object]] = {}
    for lock in sorted(locks.glob("*.txt")):
        jobs[lock.stem] = lambda lock=lock: ensure(
            root / ".testenv" / lock.stem, [lock], f"test environment {lock.stem}"
        )
    for lock in sorted(locks.glob("*/package-lock.json")):
        jobs[lock.parent.name] = lambda lock=lock: _ensure_packages(root / ".testenv" / lock.parent.name, lock, node)
    (root / ".testenv").mkdir(exist_ok=True)
    failed: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        for name, done in {name: pool.submit(job) for name, job in jobs.items()}.items():
            try:
                done.result()
            except (SetupError, OSError) as error:
                failed.append(f"test environment {name}: {error}")
    return failed


def _ensure_packages(folder: Path, lock: Path, node: Path) -> None:
    stamp = folder / STAMP
    wanted = hashlib.sha256(lock.read_bytes() + str(folder).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and _whole(folder, lock):
        return
    print(f"Installing test environment {folder.name}: npm ci (once)", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for source in (lock.with_name("package.json"), lock):
        shutil.copyfile(source, folder / source.name)
    # No package's own script runs: what they would download is pinned by nothing.
    command = [
        str(node / "node"),
        str(node / "npm"),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    done = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SetupError(f"npm ci failed:\n{done.stdout.strip()[-2000:]}")
    stamp.write_text(wanted)


def _whole(folder: Path, lock: Path) -> bool:
    packages = json.loads(lock.read_text())["packages"]
    kept = [path for path, entry in packages.items() if path and not entry.get("optional")]
    return all((folder / path / "package.json").exists() for path in kept)
