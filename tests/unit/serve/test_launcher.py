"""What the launcher does in each of its turns, with small real programs in place of nginx and gunicorn."""

import os
import signal
import sys
from dataclasses import dataclass, field
from typing import cast

import pytest

from app.serve import launcher as module
from app.serve.launcher import Launcher
from app.serve.orphans import Orphans
from app.serve.program import Program
from app.serve.start import Start
from tests.support.processes import eventually

IDLE = "import time; time.sleep(60)"


def _program(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code], os.environ, ())


@dataclass
class Prepared:
    """What `Start` offers, with other programs."""

    app: Program
    nginx: Program | None = None
    refused: int = field(default=0)

    def refuse(self) -> None:
        self.refused += 1


@pytest.fixture
def orphans() -> Orphans:
    return Orphans(1.5)


def _launcher(prepared: Prepared, orphans: Orphans) -> Launcher:
    return Launcher(cast(Start, prepared), orphans)


def test_what_ended_is_started_again_after_its_pause(orphans: Orphans) -> None:
    prepared = Prepared(_program("gunicorn", "pass"), _program("nginx", IDLE))
    launcher = _launcher(prepared, orphans)
    assert not launcher._turn(0.0)
    first = prepared.app.pid
    assert first

    def restarted() -> bool:
        launcher._turn(1.0)
        launcher._turn(2.0)
        return prepared.app.pid not in (None, first)

    eventually(restarted)
    assert prepared.nginx
    assert prepared.nginx.pid
    _end(launcher)


@pytest.mark.parametrize("code", [3, 4])
def test_an_app_that_cannot_boot_ends_everything_with_its_code(orphans: Orphans, code: int) -> None:
    launcher = _launcher(Prepared(_program("gunicorn", f"raise SystemExit({code})"), _program("nginx", IDLE)), orphans)
    launcher._turn(0.0)
    eventually(lambda: launcher._turn(1.0) or launcher._turn(3.0))
    assert launcher._code == code


def test_a_signal_stops_in_order_and_new_clients_are_refused(orphans: Orphans) -> None:
    prepared = Prepared(_program("gunicorn", IDLE), _program("nginx", IDLE))
    launcher = _launcher(prepared, orphans)
    launcher._turn(0.0)
    launcher._signals.append(signal.SIGTERM)
    eventually(lambda: launcher._turn(1.0) or launcher._turn(5.0))
    assert prepared.refused == 1
    assert prepared.app.pid is None
    assert launcher._code == 0


def test_a_second_signal_waits_for_nobody(orphans: Orphans) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    prepared = Prepared(_program("gunicorn", stubborn))
    launcher = _launcher(prepared, orphans)
    launcher._turn(0.0)
    launcher._signals += [signal.SIGTERM, signal.SIGINT]
    assert launcher._turn(1.0)
    eventually(lambda: prepared.app.ended(1.0) is not None or prepared.app.pid is None)


def test_a_stop_that_takes_too_long_is_ended_by_force(orphans: Orphans) -> None:
    prepared = Prepared(_program("gunicorn", IDLE))
    launcher = _launcher(prepared, orphans)
    launcher._turn(0.0)
    launcher._stopping = 1.0
    assert not launcher._turn(1.0 + module.STOP_DEADLINE - 0.1)
    assert launcher._turn(1.0 + module.STOP_DEADLINE)
    eventually(lambda: prepared.app.ended(0.0) is not None or prepared.app.pid is None)


def test_sighup_stops_only_when_the_terminal_it_had_is_gone(orphans: Orphans, monkeypatch: pytest.MonkeyPatch) -> None:
    for had, has, stops in ((False, False, False), (True, True, False), (True, False, True)):
        launcher = _launcher(Prepared(_program("gunicorn", IDLE)), orphans)
        launcher._turn(0.0)
        launcher._had_terminal = had
        monkeypatch.setattr(module, "_has_terminal", lambda has=has: has)
        launcher._react(signal.SIGHUP, 1.0)
        assert (launcher._stopping is not None) == stops
        _end(launcher)


def test_the_seconds_of_the_ladder_are_in_order() -> None:
    from app.serve import gunicorn_arbiter, worker

    heartbeat, nginx_reads, tunnel_reads = 15, 75, 120
    assert worker.GRACEFUL_SHUTDOWN < gunicorn_arbiter.GRACEFUL_TIMEOUT < module.STOP_DEADLINE < 20
    assert worker.BEAT + worker.ORPHANED < 2, "a worker without its arbiter is gone by then"
    assert heartbeat < nginx_reads < tunnel_reads
    assert gunicorn_arbiter.KEEP_ALIVE > 60


def _end(launcher: Launcher) -> None:
    launcher._signals += [signal.SIGTERM, signal.SIGTERM]
    assert launcher._turn(10.0)
    eventually(lambda: all(program.ended(0.0) is not None or program.pid is None for program in launcher._programs()))
