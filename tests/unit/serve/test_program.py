"""A program is started, started again after a growing pause, and asked to end."""

import os
import signal
import sys

from app.serve.program import FIRST_PAUSE, LONGEST_PAUSE, SETTLED, Program
from tests.support.processes import eventually


def _program(code: str, piped: bool = False) -> Program:
    return Program("it", [sys.executable, "-c", code], {**os.environ, "GIVEN": "1"}, (), piped=piped)


def _end_of(program: Program, now: float) -> int:
    ended: list[int] = []

    def seen() -> bool:
        if (status := program.ended(now)) is not None:
            ended.append(status)
        return bool(ended)

    eventually(seen)
    return ended[0]


def test_it_is_started_once_and_its_end_is_told_once() -> None:
    program = _program("import sys; sys.exit(7)")
    program.keep(0)
    first = program.pid
    program.keep(0)
    assert program.pid == first
    assert _end_of(program, 1) == 7
    assert program.ended(1) is None
    assert program.pid is None


def test_the_pause_doubles_up_to_a_bound_and_starts_over_after_a_settled_life() -> None:
    program = _program("")
    now, pause = 0.0, FIRST_PAUSE
    for _ in range(9):
        program.keep(now)
        assert program.pid
        _end_of(program, now)
        program.keep(now + pause * 0.99)
        assert program.pid is None
        now, pause = now + pause, min(pause * 2, LONGEST_PAUSE)
    assert pause == LONGEST_PAUSE
    program.keep(now)
    _end_of(program, now + SETTLED)
    program.keep(now + SETTLED + FIRST_PAUSE)
    assert program.pid
    _end_of(program, now)


def test_a_signal_reaches_it_and_its_status_says_so() -> None:
    program = _program("import time; time.sleep(60)")
    program.signal(signal.SIGTERM)
    program.keep(0)
    program.signal(signal.SIGKILL)
    assert _end_of(program, 0) == -signal.SIGKILL


def test_it_runs_in_a_session_of_its_own_with_its_environment_and_its_stderr_comes_to_us() -> None:
    program = _program(
        "import os, sys; sys.stderr.write(f\"{os.environ['GIVEN']} {os.getsid(0) == os.getpid()}\")", True
    )
    assert program.lines is not None
    program.keep(0)
    _end_of(program, 0)
    assert os.read(program.lines, 100) == b"1 True"


def test_it_says_what_it_is() -> None:
    assert repr(_program("")) == "<Program it down, due 0.0>"
