"""The real programs that tests run: where their environments are, their config entries, and HTTP ones brought up.

The environments under `.testenv` are set up from `tests/locks`; a missing one fails the test that needs it, by name.
"""

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".testenv"
SERVERS = ROOT / "tests" / "support" / "servers"
# Seconds a program may take to listen; interpreters start slowly on a machine that runs ten of them at once.
STARTUP = 60.0

Entry = dict[str, Any]
Found = queue.Queue[object]


def keys_file(keys: dict[str, Any], folder: Path) -> dict[str, str]:
    """Writes a keys file; the environment that makes a gateway read it."""
    path = folder / "api_keys.json"
    path.write_text(json.dumps(keys))
    path.chmod(0o600)
    return {"MCP_API_KEYS_PATH": str(path)}


def python_of(environment: str) -> str:
    return _present(ENVIRONMENTS / environment / "bin" / "python", environment)


def program_of(environment: str, name: str) -> str:
    return _present(ENVIRONMENTS / environment / "bin" / name, environment)


def module_of(environment: str, path: str) -> str:
    """A file of an npm environment."""
    return _present(ENVIRONMENTS / environment / "node_modules" / path, environment)


def _present(path: Path, environment: str) -> str:
    assert path.exists(), f"test environment {environment!r} is not set up: run ./scripts/test"
    return str(path)


def official(name: str) -> str:
    """The entry file of an official npm server."""
    return module_of("servers-npm", f"@modelcontextprotocol/server-{name}/dist/index.js")


def workbench(name: str, **environment: str) -> Entry:
    """The config entry of a workbench (see its module for `WORKBENCH_…`, given here in lower case)."""
    settings = {f"WORKBENCH_{key.upper()}": value for key, value in environment.items()}
    return {
        "command": sys.executable,
        "args": ["-I", str(SERVERS / "workbench.py")],
        "env": {"WORKBENCH_NAME": name, **settings},
    }


@contextmanager
def listening(*programs: Sequence[str], environment: dict[str, str] | None = None) -> Iterator[list[int]]:
    """Runs HTTP servers that write `LISTENING port` to standard error; their ports in the same order."""
    running = [_start(program, environment or {}) for program in programs]
    try:
        yield [_port_of(child, found) for child, found in running]
    finally:
        for child, _ in running:
            child.terminate()
        for child, _ in running:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start(program: Sequence[str], environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], Found]:
    child = subprocess.Popen(
        program, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    found: queue.Queue[object] = queue.Queue()
    threading.Thread(target=_watch, args=(child, found), daemon=True).start()
    return child, found


def _watch(child: subprocess.Popen[bytes], found: Found) -> None:
    """Tells the port, or everything written when there is none; keeps draining, so that the child never blocks."""
    assert child.stderr is not None
    written: list[str] = []
    for line in child.stderr:
        written.append(line.decode(errors="replace"))
        if match := re.match(r"LISTENING (\d+)", written[-1]):
            found.put(int(match[1]))
    child.stderr.close()
    found.put("".join(written[-20:]))


def _port_of(child: subprocess.Popen[bytes], found: Found) -> int:
    port = found.get(timeout=STARTUP)
    assert isinstance(port, int), f"{child.args} ended without listening: {port}"
    return port
