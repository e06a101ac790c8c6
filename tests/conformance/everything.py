"""The "everything" servers, which the official suite is written for: the SDK's, and our own of one era that ask.

The SDK's (2.x speaks both eras, 1.x the legacy one) are examples in its source archives, fetched once by locked hash
and unpacked below `.testenv/everything`. Ours are in `servers`: what they ask has to cross to clients of the other era.
"""

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import ENVIRONMENTS, ROOT, listening, python_of

INSIDE = "examples/servers/everything-server/mcp_everything_server"
STARTUP = 30.0


@dataclass(frozen=True, slots=True)
class Everything:
    """One everything server: the SDK's version, the hash of its archive, and the test environment that can run it."""

    name: str
    version: str
    sha256: str
    environment: str | None  # None: the project's own, which holds this very SDK
    revisions: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.name} (SDK {self.version})"


MODERN = Everything(
    "everything",
    "2.3.0",
    "8b147a50441cf059dc88c684e0aeed3687f0aa0f39c6cde7b90330effd2b34d8",
    None,
    ("2025-11-25", "2026-07-28"),
)
LEGACY = Everything(
    "everything-v1",
    "1.30.0",
    "445414625fce5c295faa505bb11bacece661ab6f4028d57c935db57820b7a3e4",
    "sdk1",
    ("2025-11-25",),
)


@dataclass(frozen=True, slots=True)
class Twin:
    """An everything server of our own, of one era; `revisions` are those of the other era's clients."""

    name: str
    title: str
    revisions: tuple[str, ...]


PUSHING = Twin("pushing", "a legacy server that pushes its questions", ("2026-07-28",))
ROUNDS = Twin("rounds", "a modern server that answers with its questions", ("2025-11-25",))
SERVERS = (MODERN, LEGACY, PUSHING, ROUNDS)

Server = Everything | Twin


def source(server: Everything) -> Path:
    """The folder to import the server from; fetched if it is not there, raising CalledProcessError with pip's words."""
    folder = ENVIRONMENTS / "everything" / server.version
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as name:
            scratch = Path(name)
            with tarfile.open(fetched(server, scratch)) as archive:
                wanted = [m for m in archive.getmembers() if f"/{INSIDE}/" in m.name or m.name.endswith("/LICENSE")]
                for member in wanted:
                    _unpack(archive, member, scratch / "unpacked" / member.name)
            (top,) = (scratch / "unpacked").iterdir()
            shutil.move(top / INSIDE, scratch / "ready" / "mcp_everything_server")
            shutil.copyfile(top / "LICENSE", scratch / "ready" / "LICENSE")
            with suppress(FileExistsError):  # another run was faster
                (scratch / "ready").rename(folder)
    return folder


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """One regular file of it. (Debian 12's Python is older than `filter`, which newer ones insist on.)"""
    content = archive.extractfile(member) if member.isfile() else None
    if content is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.read())


def fetched(server: Everything, folder: Path) -> Path:
    """The source archive. pip builds its metadata, so the build tools come from a locked environment too."""
    lock = folder / "requirements.txt"
    lock.write_text(f"mcp=={server.version} --hash=sha256:{server.sha256}\n")
    command = [python_of("sdist-build"), "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", "mcp", "--require-hashes", "--disable-pip-version-check", "-r", str(lock), "-d", folder]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (archive,) = folder.glob("mcp-*.tar.gz")
    return archive


@contextmanager
def all_running() -> Iterator[dict[Server, int]]:
    """All of `SERVERS`, with their ports."""
    twins = [server for server in SERVERS if isinstance(server, Twin)]
    commands = [[sys.executable, "-m", f"tests.conformance.servers.{twin.name}"] for twin in twins]
    path = {"PYTHONPATH": str(ROOT)}
    with running(MODERN) as modern, running(LEGACY) as legacy, listening(*commands, environment=path) as ports:
        yield {MODERN: modern, LEGACY: legacy, **dict(zip(twins, ports, strict=True))}


@contextmanager
def running(server: Everything) -> Iterator[int]:
    """The server on a free port of this machine, for as long as the context lasts."""
    python = python_of(server.environment) if server.environment else sys.executable
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "mcp_everything_server", "--port", str(port), "--log-level", "ERROR"]
    environment = {**os.environ, "PYTHONPATH": str(source(server))}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(process, port)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + STARTUP
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the everything server does not listen on {port}: exit code {process.poll()}")
