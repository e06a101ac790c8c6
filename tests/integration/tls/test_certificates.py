"""What nginx serves when what it finds is nothing, something new, or broken. No app behind it: handshakes alone."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.tls.site import NAME, write_pair
from tests.support.gateway import clean_environment, free_port
from tests.support.pace import kept
from tests.support.processes import eventually, tree_of
from tests.support.tls import Tls


class Foreground:
    """`python -m app nginx tls --run`."""

    def __init__(self, folder: Path, program: Sequence[str] = ("-m", "app")) -> None:
        self.folder, self.live, self.written = folder, folder / "live" / NAME, folder / "log"
        self.tls = Tls(free_port(), NAME)
        command = [sys.executable, *program, "nginx", "tls", "--run", "--socket", str(folder / "app.sock")]
        command += ["--tls-port", str(self.tls.port), "--certificates", str(folder / "live"), "--webroot", str(folder)]
        own = {"MCP_HOST": "127.0.0.1", "MCP_PORT": str(free_port()), "MCP_DOMAIN": NAME, "TMPDIR": str(folder)}
        with self.written.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=clean_environment() | own, stdout=log, stderr=log)

    def log(self) -> str:
        return self.written.read_text()

    def serial(self) -> int:
        return self.tls.presented().serial_number

    def serves(self, serial: int) -> None:
        eventually(lambda: self.tls.presents(serial), what="that certificate")

    def says(self, words: str) -> None:
        eventually(lambda: words in self.log(), what=words)

    def master(self) -> int:
        return next(seen.pid for seen in tree_of(self.process.pid) if "nginx: master" in seen.command)


@contextmanager
def running(folder: Path, *program: str) -> Iterator[Foreground]:
    started = Foreground(folder, program or ("-m", "app"))
    try:
        eventually(started.tls.listens, what="listening")
        yield started
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(30) == 0, started.log()
        assert not list(folder.glob("mcp-proxy-*")), "no key stays behind"
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait(30)


Pair = tuple[bytes, bytes]
"""Chain and key."""


def half_a_chain(good: Pair, other: Pair) -> Pair:
    return good[0][:300], good[1]


def no_key(good: Pair, other: Pair) -> Pair:
    return good[0], b""


def no_certificate(good: Pair, other: Pair) -> Pair:
    return b"<html>502</html>", good[1]


def another_key(good: Pair, other: Pair) -> Pair:
    return good[0], other[1]


BROKEN = [half_a_chain, no_key, no_certificate, another_key]


def read(live: Path) -> Pair:
    return (live / "fullchain.pem").read_bytes(), (live / "privkey.pem").read_bytes()


def write(live: Path, pair: Pair) -> None:
    (live / "fullchain.pem").write_bytes(pair[0])
    (live / "privkey.pem").write_bytes(pair[1])


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: what nginx has for itself is to be below it."""
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        yield Path(name)


def test_a_placeholder_until_there_is_a_certificate_and_its_key_is_for_nginx_alone(folder: Path) -> None:
    with running(folder) as nginx:
        placeholder = nginx.tls.presented()
        assert placeholder.issuer == placeholder.subject
        assert f"no certificate in {nginx.live}/fullchain.pem yet" in nginx.log()
        [key] = folder.glob("mcp-proxy-*/tls-*/privkey.pem")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        serial = write_pair(folder, nginx.live)
        nginx.serves(serial)
        assert len(list(folder.glob("mcp-proxy-*/tls-*"))) == 1, "the placeholder's key is gone"
        assert f"{serial:x}" in nginx.log()
        os.kill(nginx.master(), signal.SIGKILL)
        eventually(lambda: nginx.tls.listens() and nginx.serial() == serial, what="the same after a crash")


def test_whatever_is_broken_is_said_once_and_the_former_is_served_on(folder: Path) -> None:
    live = folder / "live" / NAME
    write_pair(folder, live)
    another = read(live)
    good = write_pair(folder, live)
    pair = read(live)
    with running(folder) as nginx:
        assert nginx.serial() == good
        for count, spoiled in enumerate(BROKEN, 1):
            write(live, spoiled(pair, another))
            eventually(lambda count=count: nginx.log().count("is not loaded") == count, what=spoiled.__name__)
            assert nginx.serial() == good
        os.kill(nginx.master(), signal.SIGKILL)
        eventually(lambda: nginx.tls.listens() and nginx.serial() == good, what="the former, after a crash too")
        write(live, another)
        eventually(lambda: nginx.serial() != good, what="the next good one")
        errors = [line for line in map(json.loads, nginx.log().splitlines()) if line["level"] == "ERROR"]
        assert [line for line in errors if "is not loaded" in line["message"]] == errors[: len(BROKEN)]
        assert nginx.log().count("is not loaded") == len(BROKEN)
        assert "PRIVATE KEY" not in nginx.log()


def test_a_start_on_a_broken_certificate_has_a_placeholder_so_that_acme_can_mend_it(folder: Path) -> None:
    live = folder / "live" / NAME
    write_pair(folder, live)
    another = read(live)
    bad = write_pair(folder, live)
    write(live, another_key(read(live), another))
    with running(folder) as nginx:
        assert nginx.serial() != bad
        nginx.says(f"the certificate in {live}/fullchain.pem is not served")
        nginx.serves(write_pair(folder, live))


def test_a_stop_is_bounded_although_a_renewal_is_not(folder: Path) -> None:
    """A request that is half sent holds nginx back for 5 s; we give it one here, and 30 s otherwise."""
    hurried = "import sys, app.cli, app.serve.supervisor as s; s.STOP = 1.0; sys.exit(app.cli.main(sys.argv[1:]))"
    with running(folder, "-c", hurried) as nginx:
        assert "worker_shutdown_timeout 86400s;" in next(folder.glob("mcp-proxy-*/nginx.conf")).read_text()
        with nginx.tls.connect() as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost:")
            began = time.monotonic()
            nginx.process.send_signal(signal.SIGTERM)
            assert nginx.process.wait(30) == 0
            took = time.monotonic() - began
            assert took > 0.9
            assert kept(took, 4)


def test_one_that_was_not_renewed_in_time_is_named(folder: Path) -> None:
    write_pair(folder, folder / "live" / NAME, days=2)
    with running(folder) as nginx:
        nginx.says("was not renewed: see certbot's log")
