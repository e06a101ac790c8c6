"""A real gateway for a test: `python -m app serve` in a directory of its own, on a free port of this machine.

On leaving the block it is stopped, and nothing of its process tree may be alive.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import PATIENCE, Seen, eventually, survivors, tree_of

ROOT = Path(__file__).resolve().parents[2]
STARTED_WITHIN = 60.0
STOPPED_WITHIN = 30.0
KEY = "sk-test-key-of-enough-length-0123456789"
# For tests under load: a fast machine calls more often than one key or address may.
UNLIMITED = {"MCP_LIMIT_IP": "100000", "MCP_LIMIT_KEY": "100000"}


@dataclass
class Gateway:
    """One running gateway."""

    process: subprocess.Popen[bytes]
    host: str
    port: int
    directory: Path
    keys: Mapping[str, str]
    prefix: str = ""
    """With its slash: what every path begins with."""
    _seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"{self.url}{self.prefix}/mcp"

    @property
    def key(self) -> str:
        """Any of its keys; empty without one."""
        return next(iter(self.keys), "")

    @property
    def pid(self) -> int:
        """The launcher's."""
        return self.process.pid

    @property
    def control_socket(self) -> Path:
        return self.directory / "data" / "control.sock"

    def log(self) -> str:
        """Everything it wrote until now."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def tree(self) -> list[Seen]:
        """The launcher and all below it."""
        return tree_of(self.pid)

    def arbiter(self) -> Seen:
        return self._below("gunicorn")

    def worker(self) -> Seen:
        return self._below("gunicorn", "gunicorn")

    def nginx(self) -> Seen:
        return self._below("nginx: master")

    def nginx_worker(self) -> Seen:
        return self._below("nginx: master", "nginx: worker")

    def get(self, path: str, headers: Mapping[str, str] | None = None, source: str = "") -> tuple[int, bytes]:
        """Status and body of one GET on a connection of its own, from the address `source` if there is one."""
        address = (source, 0) if source else None
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE, source_address=address)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def control(self, path: str) -> Any:
        """The JSON that a GET on the control socket is answered with."""
        connection = _Control(self.control_socket)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def wait_until_ready(self, seconds: float = STARTED_WITHIN) -> None:
        """Every server that is not disabled serves: before that, a list waits two seconds and is then short of some."""

        def missing() -> list[str]:
            servers = self.control("/doctor")["servers"]
            return [server["name"] for server in servers if server["state"] not in ("ready", "disabled")]

        eventually(lambda: not missing(), seconds, f"all are ready: {self.log()[-5000:]}")

    def is_live(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self.get(f"{self.prefix}/health/live")[0] == 200
        return False

    def wait_until_live(self, seconds: float = STARTED_WITHIN) -> None:
        def live() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log()}"
            return self.is_live()

        try:
            eventually(live, seconds, "live")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from error

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, as a service manager does; returns its exit code. May be called again."""
        self.note_tree()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOPPED_WITHIN)

    def note_tree(self) -> None:
        """What runs now must be gone at the end, whatever happens to its parents."""
        self._seen += [process for process in self.tree() if process not in self._seen]

    def assert_nothing_survives(self, seconds: float = 3.0) -> None:
        deadline = time.monotonic() + seconds
        while (left := survivors(self._seen)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, f"still alive: {left}\n{self.log()}"

    def _below(self, *path: str) -> Seen:
        """The process whose command holds the last word, below one that holds the word before it, and so on."""

        def found() -> Seen | None:
            at: Seen | None = None
            for words in path:
                parent = at.pid if at else self.pid
                at = next((p for p in tree_of(parent) if p.pid != parent and words in p.command), None)
                if at is None:
                    return None
            return at

        process = eventually(found, what=" below ".join(reversed(path)))
        assert process
        return process


class _Control(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


def free_port() -> int:
    """Of those that no kernel gives to a connection that goes out: such a one could take it before the gateway does."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(18_000, 32_000)))
            return probe.getsockname()[1]


def clean_environment() -> dict[str, str]:
    """Ours without what would configure a gateway, and with our Python's programs first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MCP_")}
    # Without compiled modules every start of a gateway would compile them anew.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}", "PYTHONPATH": str(ROOT)}


@contextmanager
def started_gateway(
    config: Mapping[str, Any],
    *,
    keys: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    edge: bool = False,
    app: str | None = None,
    wrap: Sequence[str] = (),
) -> Iterator[Gateway]:
    """A gateway that may not be live yet. `keys`: key to client, or None for no authentication; `edge`: with nginx in
    front; `app`: another `module:factory` than the gateway's own, for tests of the processes alone; `wrap`: a command
    in front that ends by becoming the gateway.
    """
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        directory, port = Path(name), free_port()
        (directory / "mcp_config.json").write_text(json.dumps(config))
        wanted = {
            "MCP_HOST": "127.0.0.1",
            "MCP_PORT": str(port),
            "MCP_EDGE": "yes" if edge else "no",
            "MCP_DATA_DIR": str(directory / "data"),
            **({"MCP_DISABLE_AUTH": "true"} if keys is None else {}),
            **({"MCP_API_KEYS": ",".join(f"{key}:{client}" for key, client in keys.items())} if keys else {}),
        }
        argv = [sys.executable, "-m", "app", "serve"]
        if app:
            argv = [sys.executable, "-c", f"import sys, app.serve.launcher as l; sys.exit(l.main({app!r}))"]
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                [*wrap, *argv],
                cwd=directory,
                env=clean_environment() | wanted | dict(env or {}),
                stdout=log,
                stderr=log,
            )
        first = dict(env or {}).get("MCP_PATH_PREFIX", "").partition(",")[0]
        gateway = Gateway(process, "127.0.0.1", port, directory, keys or {}, f"/{first}" if first else "")
        try:
            yield gateway
            gateway.note_tree()
            gateway.stop()
            gateway.assert_nothing_survives()
        finally:
            gateway.note_tree()
            if process.poll() is None:
                process.kill()
            process.wait(STOPPED_WITHIN)
            for left in survivors(gateway._seen):
                with suppress(ProcessLookupError):
                    os.kill(left.pid, signal.SIGKILL)


@contextmanager
def running_gateway(config: Mapping[str, Any], **options: Any) -> Iterator[Gateway]:
    """A gateway that answers; options as of `started_gateway`."""
    with started_gateway(config, **options) as gateway:
        gateway.wait_until_live()
        yield gateway
