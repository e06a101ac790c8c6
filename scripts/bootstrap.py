"""Set-up for scripts/run and scripts/test, on a machine with nothing but Python 3.11 or newer and git.

Standard library only, and started by whatever Python is there. `run` ends by becoming `.venv`'s `python -m app run`.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import checks
import node
from debian import SetupError, install_nginx
from environment import ensure

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
EXAMPLE = ROOT / "config/mcp_config.example.json"
# INTERFACE: the first that exists.
CONFIGS = (ROOT / "mcp_config.json", ROOT / "config/mcp_config.json")


def run(arguments: list[str]) -> None:
    """Sets up what serving needs and becomes the gateway; does not return."""
    parser = argparse.ArgumentParser(prog="scripts/run", description="Set up what is missing, then serve the gateway.")
    edge = parser.add_mutually_exclusive_group()
    edge.add_argument("--edge", action="store_true", help="nginx in front; installs it first (Debian, as root)")
    edge.add_argument("--no-edge", action="store_true", help="serve directly, even where nginx is installed")
    parser.add_argument("--lan", action="store_true", help="listen on all addresses, not on this machine's own alone")
    options = parser.parse_args(arguments)
    path = os.environ.get("PATH", os.defpath)
    with _alone():
        ensure(VENV, [ROOT / "requirements.lock"], "dependencies")
        if options.edge and not _has_nginx():
            install_nginx()
        if node.wanted_by(_config()):
            path = f"{node.ensure_node(ROOT)}{os.pathsep}{path}"
    # Last, so that it gives `uvx` to a machine without one and replaces no program of the user's.
    os.environ["PATH"] = f"{path}{os.pathsep}{VENV / 'bin'}"
    os.chdir(ROOT)
    python = str(VENV / "bin/python")
    os.execv(python, [python, "-m", "app", "run", *arguments])


def measure(what: str, arguments: list[str]) -> None:
    """Sets up what `tests.bench`, `tests.conformance` or `tests.soak` needs and becomes it; does not return."""
    with _alone():
        if what == "bench":
            ensure(VENV, [ROOT / "requirements.lock"], "dependencies")
        else:
            os.environ["PATH"] = checks.set_up(ROOT)
    os.chdir(ROOT)
    python = str(VENV / "bin/python")
    os.execv(python, [python, "-m", f"tests.{what}", *arguments])


def _has_nginx() -> bool:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin") is not None


def _config() -> Path:
    """The config file that serving will read; made from the example where there is none."""
    named = os.environ.get("MCP_CONFIG_PATH") or _dotenv("MCP_CONFIG_PATH")
    if named:
        return ROOT / Path(named).expanduser()
    for path in CONFIGS:
        if path.exists():
            return path
    shutil.copyfile(EXAMPLE, CONFIGS[-1])
    print(f"Made {CONFIGS[-1].relative_to(ROOT)} from the example: put your servers there", flush=True)
    return CONFIGS[-1]


def _dotenv(name: str) -> str | None:
    # Standard library only, as all of this is; what is wrong with the file is said when serving reads it.
    sys.path.append(str(ROOT))
    from app.config.dotenv import DotenvError, parse_dotenv

    try:
        return parse_dotenv((ROOT / ".env").read_text(encoding="utf-8", errors="replace")).get(name)
    except (OSError, DotenvError):
        return None


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Holds the project folder's lock, so that two set-ups at once do not write into one environment."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up of this folder is running; waiting for it", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> int:
    match sys.argv[1:]:
        case ["run", *arguments]:
            run(arguments)
        case ["test", *arguments]:
            with _alone():
                tools = checks.set_up(ROOT)
            return checks.run(ROOT, tools, arguments)
        case [("bench" | "conformance" | "soak") as what, *arguments]:
            measure(what, arguments)
        case _:
            raise SetupError("usage: scripts/run [--help], scripts/test [pytest's arguments]")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
