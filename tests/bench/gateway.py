"""The gateway as the bench runs it: `python -m app serve`, mostly without nginx; 100 keys, its log (JSON) in a file."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.endpoint import LEGACY, Endpoint, NoResultError
from tests.bench.processes import stop

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
KEYS = [f"bench-key-{i:03d}-{'0123456789abcdef' * 2}" for i in range(100)]
KEY = KEYS[57]


class NotUpError(Exception):
    """The gateway did not answer in time; the text ends with what it logged last."""


@dataclass(frozen=True, slots=True)
class Gateway:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    began: float  # time.monotonic() just before the command was started

    def endpoint(self, era: str, path: str = "/mcp", key: str = KEY) -> Endpoint:
        return Endpoint(self.port, era, path, key)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def wait_for(self, tools: int, limit: float, path: str = "/mcp") -> float:
        """Seconds from the command to the first list of at least `tools` tools; raises NotUpError after `limit`."""
        seen = "nothing listened"
        while (left := self.began + limit - time.monotonic()) > 0 and self.process.poll() is None:
            try:
                count = self.endpoint(LEGACY, path).opened(left).tools(left)
                if count >= tools:
                    return time.monotonic() - self.began
                seen = f"{count} tools listed"
            except (OSError, NoResultError) as error:
                seen = str(error)
            time.sleep(0.02)
        ended = f"exit code {self.process.poll()}" if self.process.poll() is not None else f"after {limit} s"
        raise NotUpError(f"the gateway did not list {tools} tools: {ended}, {seen}\n{self.log()[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def echo_stdio(*options: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(HERE / "echo_stdio.py"), *options]}


def write_settings(folder: Path, servers: dict[str, Any]) -> dict[str, str]:
    """Config and keys file in `folder`; returns the environment that makes the gateway use them."""
    keys = {"sha256:" + hashlib.sha256(k.encode()).hexdigest(): {"client_id": k[:13], "scopes": ["*"]} for k in KEYS}
    for name, content in (("mcp_config.json", {"mcpServers": servers}), ("api_keys.json", keys)):
        (folder / name).write_text(json.dumps(content))
        (folder / name).chmod(0o600)
    return {
        "MCP_CONFIG_PATH": str(folder / "mcp_config.json"),
        "MCP_API_KEYS_PATH": str(folder / "api_keys.json"),
        "MCP_DATA_DIR": str(folder / "data"),
        "MCP_HOST": "127.0.0.1",
        "MCP_EDGE": "no",
        "MCP_LOG_FORMAT": "json",
    }


@contextlib.contextmanager
def gateway(servers: dict[str, Any], **environment: str) -> Iterator[Gateway]:
    """A gateway with `servers` on a free port and an empty data directory; ended, with all its children, at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        settings = write_settings(folder, servers)
        port = free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MCP_")}
        environment = kept | settings | {"MCP_PORT": str(port), "PYTHONPATH": str(ROOT)} | environment
        began = time.monotonic()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve"],
                cwd=folder,  # not the checkout: its .env is somebody's own
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield Gateway(process, port, folder, began)
        finally:
            stop(process)


@contextlib.contextmanager
def echo_http(tools: int = 2) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The HTTP echo server: its process and its port."""
    command = [sys.executable, str(HERE / "echo_http.py"), "--tools", str(tools)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            stop(process)
