"""Runs commands as a person does: in a directory of their own, with an environment that holds nothing of ours."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

from app.cli import main
from tests.support.programs import ROOT, SERVERS, listening

FRONT = [sys.executable, "-I", str(SERVERS / "front.py")]
PATIENCE = 30.0


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """`env` is added to an environment without any `MCP_*` variable."""

    directory: Path

    def app(self, *args: str, stdin: str = "", **env: str) -> Outcome:
        """In this process (an interpreter that loads httpx takes a second), with output that is no terminal."""
        out, err = StringIO(), StringIO()
        with (
            patch.dict(os.environ, self.environment(env), clear=True),
            patch.object(sys, "stdin", StringIO(stdin)),
            chdir(self.directory),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                code = main(list(args))
            except SystemExit as ended:
                # As the interpreter does with it: a text goes to standard error and is exit code 1.
                if isinstance(ended.code, str):
                    print(ended.code, file=sys.stderr)
                code = ended.code if isinstance(ended.code, int) else 1
        return Outcome(code, out.getvalue(), err.getvalue())

    def process(self, *args: str, **env: str) -> Outcome:
        """In a process of its own."""
        return self._spawn("-m", "app", *args, env=env)

    def python(self, program: str, **env: str) -> Outcome:
        return self._spawn("-c", program, env=env)

    def _spawn(self, *args: str, env: dict[str, str]) -> Outcome:
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.directory,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def app_on_terminal(self, *args: str, **env: str) -> Outcome:
        """Standard output is a terminal here; standard error is not."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "app", *args],
            cwd=self.directory,
            env={**self.environment(env), "COLUMNS": "120", "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # Linux says EIO once the other end is closed.
        os.close(ours)
        _, err = child.communicate(timeout=PATIENCE)
        return Outcome(child.returncode, shown.decode().replace("\r\n", "\n"), err.decode())

    def environment(self, env: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MCP_")}
        return {**kept, "PYTHONPATH": str(ROOT), **env}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    """The endpoint of a front whose only key is `right`."""
    with listening(FRONT, environment={"FRONT_KEY": "right"}) as (port,):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture
def socket_front(tmp_path: Path) -> Iterator[Path]:
    """A front on the control socket of the data directory that `shell` has by default."""
    path = tmp_path / "data" / "control.sock"
    path.parent.mkdir()
    with listening(FRONT, environment={"FRONT_SOCKET": str(path)}):
        yield path
