"""Runs one nginx in the foreground: PID 1 of a container that holds nothing else. Stdlib only.

Its stderr becomes our log, request lines cut out; SIGTERM lets it finish what it serves (bounded by its configuration),
a second one ends it; SIGHUP renders the configuration again and reloads it, if nginx takes it. One that died is started
again, and what it left behind is ended. A certificate that is new where it looks is served after a reload.
"""

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from app.edge.settings import EdgeSettings
from app.serve import nginx
from app.serve.certificates import Certificates
from app.serve.descriptors import make_room
from app.serve.errors import StartError
from app.serve.nginx_lines import NginxLines
from app.serve.nginx_program import SIGN, NginxProgram
from app.serve.orphans import Orphans, become_subreaper, end_descendants
from app.serve.sockets import RuntimeDir

log = logging.getLogger("app.serve")

Render = Callable[[Path], EdgeSettings]
TURN = 0.5
SOON = 0.05
"""The same while nginx starts."""
ADOPTED_GRACE = 1.5
STOP = 30.0
"""Seconds in which nginx may finish what it serves when we are asked to stop, whatever its configuration grants."""
_ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Supervisor:
    """Owns nginx and its directory; `run` returns the exit code."""

    def __init__(self, binary: str, directory: Path, settings_for: Render) -> None:
        """Writes and checks the configuration. Raises `StartError`."""
        self._directory = directory
        self._settings_for = settings_for
        self._words = nginx.command(binary, directory)
        self._signals: list[int] = []
        self._stopping = False
        self._stop_at = float("inf")
        self._certificates: Certificates | None = None
        self._lines = NginxLines()
        self.configure()
        self._nginx = NginxProgram(self._words, directory, nginx.environment(()))

    def __repr__(self) -> str:
        return f"<Supervisor {self._nginx!r} stopping={self._stopping}>"

    def configure(self) -> None:
        """Write the configuration and have nginx check it. Raises `StartError`."""
        settings = replace(self._settings_for(self._directory), farewell=str(self._directory / SIGN))
        if settings.certificate:
            known = self._certificates
            if known is None or known.source != settings.certificate or known.domains != settings.domains:
                known = Certificates(self._directory, settings.certificate, settings.domains)
            settings = replace(settings, certificate=known.served)
            self._certificates = known
        nginx.write(self._directory, settings)
        nginx.check(self._words, ())

    def run(self, orphans: Orphans) -> int:
        """Until nginx has stopped because we were asked to."""
        selector = selectors.DefaultSelector()
        wake = self._catch_signals()
        selector.register(wake, selectors.EVENT_READ)
        assert self._nginx.lines is not None, "it is piped"
        selector.register(self._nginx.lines, selectors.EVENT_READ, "nginx")
        while not self._turn(time.monotonic(), orphans):
            for key, _ in selector.select(SOON if self._nginx.starting else TURN):
                if key.data == "nginx":
                    self._read(key.fd)
                else:
                    with suppress(BlockingIOError):
                        wake.recv(4096)
        self._read(self._nginx.lines)
        return 0

    def _turn(self, now: float, orphans: Orphans) -> bool:
        while self._signals:
            self._react(self._signals.pop(0))
        status = self._nginx.ended(now)
        if status is not None and not self._stopping:
            log.error("nginx ended (%s): starting it again", status)
        orphans.tend([self._nginx.pid] if self._nginx.pid is not None else [], now)
        if self._stopping:
            if now >= self._stop_at:
                self._stop_at = float("inf")
                self._nginx.signal(signal.SIGTERM)
            return self._nginx.pid is None
        self._renew(now)
        self._nginx.keep(now)
        return False

    def _renew(self, now: float) -> None:
        certificates = self._certificates
        found = certificates.look(now) if certificates else None
        if certificates is None or found is None:
            return
        before = certificates.take(found)
        try:
            self.configure()
        except StartError as error:
            certificates.take(before)
            certificates.refuse("; ".join(error.problems))
            with suppress(StartError):
                self.configure()
            return
        certificates.announce()
        self._nginx.reload(now)

    def _react(self, number: int) -> None:
        if number == signal.SIGCHLD:
            # It has only woken us.
            return
        if number == signal.SIGHUP:
            self._reload()
        elif self._stopping:
            log.warning("stopping at once")
            self._nginx.signal(signal.SIGTERM)
        else:
            log.info("stopping", extra={"fields": {"signal": signal.Signals(number).name}})
            self._stopping = True
            self._stop_at = time.monotonic() + STOP
            self._nginx.signal(signal.SIGQUIT)

    def _reload(self) -> None:
        if self._certificates:
            self._certificates.reconsider()
        try:
            self.configure()
        except StartError as error:
            for problem in error.problems:
                log.error("not reloaded: %s", problem)
            return
        log.info("reloading nginx")
        self._nginx.reload(time.monotonic())

    def _read(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            self._lines.feed(os.read(descriptor, 65536))

    def _catch_signals(self) -> socket.socket:
        ours, self._theirs = socket.socketpair()
        for end in (ours, self._theirs):
            end.setblocking(False)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

        def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal.signal's shape
            self._signals.append(number)

        for number in (*_ASKED, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, note)
        return ours


def supervise(settings_for: Render) -> int:
    """Run nginx until we are asked to stop; returns the exit code. Raises `StartError`."""
    binary = nginx.find()
    if binary is None:
        raise StartError("nginx is not on this machine: install it")
    if warning := make_room():
        log.warning(warning)
    orphans = Orphans(ADOPTED_GRACE)
    become_subreaper()
    user = nginx.unprivileged()
    runtime = RuntimeDir(user[2] if user else None)
    try:
        supervisor = Supervisor(binary, runtime.path, settings_for)
        log.info("nginx serves")
        return supervisor.run(orphans)
    finally:
        end_descendants(orphans.spared)
        runtime.remove()
