"""`python -m app serve`: PID 1 of the gateway. Owns the sockets, nginx and gunicorn's arbiter, and outlives both.

Stdlib only, no framework (DESIGN.md rule 14). Theory of operation: one loop, woken by signals (SIGCHLD among them), by
nginx's stderr and once a second. A program that died is started again; whoever came to us by the death of its parent
is ended; SIGTERM and SIGINT stop everything in order, a second one at once. We are the subreaper, so nothing that
descends from us can hide.
"""

import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from types import FrameType

from app.serve import logs
from app.serve.descriptors import make_room
from app.serve.errors import CONFIGURATION, StartError
from app.serve.nginx_lines import NginxLines
from app.serve.orphans import Orphans, become_subreaper, descendants, end_descendants
from app.serve.program import Program
from app.serve.start import Start, read_settings

log = logging.getLogger("app.serve")

TURN = 1.0
SOON = 0.05
"""The same while a program is down or starts, or all are being stopped."""
ADOPTED_GRACE = 1.5
"""Seconds between the SIGTERM and the SIGKILL of what we adopted: a worker without its arbiter is gone within 2 s."""
STOP_DEADLINE = 16.0
"""More than gunicorn's graceful_timeout (15), less than the 20 s a container has."""
NGINX_LINGERS = 0.5
"""Seconds nginx has for its last bytes once the app is gone."""
STREAMS_END = 0.2
"""Seconds the app has to end its streams before nginx quits."""
_ASKED = (signal.SIGTERM, signal.SIGINT)
# gunicorn's codes for a worker or an app that cannot start: starting again would fail again.
_CANNOT_BOOT = (3, 4)


class Launcher:
    """Runs what `Start` prepared until it is told to stop; `run` returns the exit code."""

    def __init__(self, start: Start, orphans: Orphans) -> None:
        self._start = start
        self._app = start.app
        self._nginx = start.nginx
        self._nginx_lines = NginxLines()
        self._orphans = orphans
        self._stopping: float | None = None
        self._app_gone: float | None = None
        self._quitting = False
        self._code = 0
        self._signals: list[int] = []
        self._had_terminal = _has_terminal()

    def __repr__(self) -> str:
        return f"<Launcher {self._app!r} {self._nginx!r} stopping={self._stopping}>"

    def run(self) -> int:
        selector = selectors.DefaultSelector()
        wake = self._catch_signals()
        selector.register(wake, selectors.EVENT_READ)
        if self._nginx and self._nginx.lines is not None:
            selector.register(self._nginx.lines, selectors.EVENT_READ, "nginx")
        while not self._turn(time.monotonic()):
            # Whoever dies or signals wakes us; the pause is for what makes no sign: being given an orphan.
            for key, _ in selector.select(self._patience):
                if key.data == "nginx":
                    self._relay_nginx(key.fd)
                else:
                    with suppress(BlockingIOError):
                        wake.recv(4096)
        return self._code

    @property
    def _patience(self) -> float:
        """Seconds without a sign after which there may be something to do: a program is due, or an end."""
        waiting = self._stopping is not None or any(program.pid is None for program in self._programs())
        waiting = waiting or (self._nginx is not None and self._nginx.starting)
        return SOON if waiting else TURN

    def _turn(self, now: float) -> bool:
        """Everything there is to do now; whether all is over."""
        while self._signals:
            self._react(self._signals.pop(0), now)
        for program in self._programs():
            status = program.ended(now)
            if status is not None:
                self._note_end(program, status, now)
        for pid in self._orphans.tend(self._running(), now):
            if self._stopping is None:
                log.warning("ending a process that lost its parent", extra={"fields": {"pid": pid}})
        if self._stopping is not None:
            return self._stop_further(now)
        for program in self._programs():
            program.keep(now)
        return False

    def _note_end(self, program: Program, status: int, now: float) -> None:
        if self._stopping is not None:
            return
        if program is self._app and status in _CANNOT_BOOT:
            log.error("the app cannot start; see the lines above", extra={"fields": {"code": status}})
            self._code = status
            self._stop(now)
            return
        ending = f"signal {-status}" if status < 0 else f"code {status}"
        log.error("%s ended (%s): starting it again", program.name, ending)

    def _react(self, number: int, now: float) -> None:
        if number == signal.SIGHUP and not (self._had_terminal and not _has_terminal()):
            self._app.signal(signal.SIGHUP)
        elif number in (*_ASKED, signal.SIGHUP):
            if self._stopping is None:
                log.info("stopping", extra={"fields": {"signal": signal.Signals(number).name}})
                self._stop(now)
            else:
                log.warning("stopping at once", extra={"fields": {"signal": signal.Signals(number).name}})
                self._stopping = now - STOP_DEADLINE

    def _stop(self, now: float) -> None:
        """The app ends its streams and drains; nginx takes no new request a moment later, and finishes what it has.

        A stream that ends while nginx quits leaves its connection open until the client closes it, which nginx then
        reports as a loss; one that ended before is idle, and closed quietly.
        """
        self._stopping = now
        self._start.refuse()
        self._app.signal(signal.SIGTERM)

    def _stop_further(self, now: float) -> bool:
        assert self._stopping is not None, "asked only then"
        if now - self._stopping >= STOP_DEADLINE:
            end_descendants(self._orphans.spared)
            return True
        if self._nginx and not self._quitting and (now - self._stopping >= STREAMS_END or self._app.pid is None):
            self._quitting = True
            self._nginx.signal(signal.SIGQUIT)
        if self._app.pid is not None:
            return False
        self._app_gone = self._app_gone or now
        if self._nginx and self._nginx.pid is not None:
            if now - self._app_gone >= 2 * NGINX_LINGERS:
                self._kill_tree(self._nginx.pid)
            elif now - self._app_gone >= NGINX_LINGERS:
                self._nginx.signal(signal.SIGTERM)
            return False
        end_descendants(self._orphans.spared)
        return True

    def _kill_tree(self, pid: int) -> None:
        for process in descendants((pid,)):
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def _programs(self) -> tuple[Program, ...]:
        return (self._app, self._nginx) if self._nginx else (self._app,)

    def _running(self) -> Collection[int]:
        return [program.pid for program in self._programs() if program.pid is not None]

    def _relay_nginx(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            # Connections that a client keeps open beyond a stop are cut on purpose.
            self._nginx_lines.feed(os.read(descriptor, 65536), stopping=self._stopping is not None)

    def _catch_signals(self) -> socket.socket:
        """From here on signals are only noted, and wake the loop. Returns what becomes readable."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        self._wakes = theirs
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

        def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal.signal's shape
            self._signals.append(number)

        for number in (*_ASKED, signal.SIGHUP):
            # `nohup` means it: then a lost terminal is nothing to us.
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                self._had_terminal = False
            signal.signal(number, note)
        signal.signal(signal.SIGCHLD, note)
        return ours


def _has_terminal() -> bool:
    """Whether we still belong to one: when it is closed, the kernel takes it from all its processes."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal.signal's shape
    raise SystemExit(0)


def main(app: str | None = None) -> int:
    """Serves until it is stopped; returns the exit code. `app`: another `module:factory` than the gateway's."""
    # The kernel keeps from PID 1 what it has no handler for: a stop this early would be lost, and become a kill.
    signal.signal(signal.SIGTERM, _leave)
    orphans = Orphans(ADOPTED_GRACE)
    become_subreaper()
    logs.configure("INFO", (), "text" if os.isatty(2) else "json")
    try:
        settings, env = read_settings()
        if warning := make_room():
            log.warning(warning)
        with Start(settings, env, app) as start:
            return Launcher(start, orphans).run()
    except StartError as error:
        for problem in error.problems:
            log.error(problem)
        return CONFIGURATION
    except KeyboardInterrupt:
        return 130
    finally:
        end_descendants(orphans.spared)


if __name__ == "__main__":
    sys.exit(main())
