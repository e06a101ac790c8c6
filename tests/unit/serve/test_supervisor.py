"""One nginx in the foreground, as in a container of its own: real signals, a real nginx."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import clean_environment, free_port
from tests.support.processes import eventually, tree_of

PREFIX = "a-prefix-of-many-letters-1"


class Foreground:
    """`python -m app nginx plain --run` over a socket that nobody serves."""

    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "log"
        self.dotenv = folder / ".env"
        own = {"MCP_HOST": "127.0.0.1", "MCP_PORT": str(self.port), "TMPDIR": str(folder)}
        command = [sys.executable, "-m", "app", "nginx", "plain", "--run", "--socket", str(folder / "app.sock")]
        self.dotenv.write_text(f"MCP_PATH_PREFIX={PREFIX}\n")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=clean_environment() | own, stdout=log, stderr=log)
        eventually(lambda: self.answer("/") is not None, 15, "listening")

    def answer(self, path: str) -> int | None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as wire:
                wire.sendall(f"GET {path}?a-query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                received = wire.recv(4096)
                return int(received.split(b" ")[1]) if received else None
        except ConnectionError:
            return None

    def nginx(self) -> list[int]:
        return [process.pid for process in tree_of(self.process.pid) if "nginx: master" in process.command]


@pytest.fixture
def foreground(tmp_path: Path) -> Iterator[Foreground]:
    started = Foreground(tmp_path)
    seen = tree_of(started.process.pid)
    yield started
    if started.process.poll() is None:
        started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(30) == 0, started.log.read_text()
    assert [process for process in seen if Path(f"/proc/{process.pid}").exists()] == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("mcp-proxy-")] == []


def test_it_serves_is_stopped_in_order_and_shows_neither_prefix_nor_query(foreground: Foreground) -> None:
    assert foreground.answer("/nowhere") == 404
    assert foreground.answer(f"/{PREFIX}/mcp") == 502, "nobody serves the app's socket here"
    eventually(lambda: '"status":502' in foreground.log.read_text(), what="an access line")
    eventually(lambda: "connect() to unix:" in foreground.log.read_text(), what="the error's line")
    text = foreground.log.read_text()
    assert PREFIX not in text
    assert "a-query" not in text
    shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True, timeout=30).stdout
    assert PREFIX not in shown


def test_a_hangup_renders_again_and_what_is_wrong_changes_nothing(foreground: Foreground) -> None:
    foreground.dotenv.write_text("MCP_PATH_PREFIX=bad prefix\n")
    foreground.process.send_signal(signal.SIGHUP)
    eventually(lambda: "not reloaded" in foreground.log.read_text(), what="a refusal")
    assert foreground.answer(f"/{PREFIX}/mcp") == 502
    foreground.dotenv.write_text("MCP_PATH_PREFIX=another-prefix-1\n")
    foreground.process.send_signal(signal.SIGHUP)
    eventually(lambda: foreground.answer("/another-prefix-1/mcp") == 502, what="the new prefix")
    eventually(lambda: foreground.answer(f"/{PREFIX}/mcp") == 404, what="the end of the old one")


def test_a_killed_nginx_is_started_again_and_its_workers_do_not_stay(foreground: Foreground) -> None:
    [master] = foreground.nginx()
    os.kill(master, signal.SIGKILL)
    eventually(lambda: foreground.nginx() not in ([], [master]), what="another master")
    eventually(lambda: foreground.answer("/nowhere") == 404, what="serving again")
