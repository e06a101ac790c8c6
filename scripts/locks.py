"""Writes the lock files: every pin with its hashes, no address of any index in them.

`scripts/lock` runs all of them, `scripts/lock NAME…` some. Pins of a lock that is there are kept where they still fit;
`--upgrade` moves them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv/bin/uv"
HASHED = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
# name of the lock: what it is compiled from
OURS = {
    "requirements.lock": ["pyproject.toml"],
    "requirements-node.lock": ["--group", "node"],
    "requirements-test.lock": ["--group", "test", "--constraint", "requirements.lock"],
}


def compile_lock(output: str, sources: list[str], upgrade: bool) -> None:
    """Writes one hash-locked requirements file, or raises CalledProcessError."""
    print(f"locking {output}", flush=True)
    extra = ["--upgrade"] if upgrade else []
    command = [str(UV), "pip", "compile", *sources, *HASHED, *extra, "--python-version", "3.11"]
    command += ["--custom-compile-command", "scripts/lock", "--output-file", output]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def lock_packages(folder: Path) -> None:
    """Writes `package-lock.json` beside a `package.json`, without the addresses of a registry."""
    print(f"locking {folder.relative_to(ROOT)}/package-lock.json", flush=True)
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to lock tests/locks/*/package.json")
    options = [
        "--package-lock-only",
        "--omit-lockfile-registry-resolved",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]
    subprocess.run([npm, "install", *options], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main(arguments: list[str]) -> None:
    upgrade = "--upgrade" in arguments
    wanted = [argument for argument in arguments if argument != "--upgrade"]
    sources = dict(OURS)
    locks = ROOT / "tests/locks"
    for source in sorted(locks.glob("*.in")):
        path = str(source.relative_to(ROOT))
        sources[path.removesuffix(".in") + ".txt"] = [path]
    for output, inputs in sources.items():
        if not wanted or any(name in output for name in wanted):
            compile_lock(output, inputs, upgrade)
    for package in sorted(locks.glob("*/package.json")):
        if not wanted or package.parent.name in wanted:
            lock_packages(package.parent)


if __name__ == "__main__":
    main(sys.argv[1:])
