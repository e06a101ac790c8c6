"""The project's own files, as a commit would hold them: what the architecture tests read."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = {".png", ".ico", ".gz", ".zip", ".whl"}


def committed_files() -> list[Path]:
    """Tracked files, and new ones that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in BINARY]


def python_files(folder: str) -> list[Path]:
    """The `.py` files below a folder of the project."""
    return [path for path in committed_files() if path.suffix == ".py" and path.is_relative_to(ROOT / folder)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
