"""The sign that a reload is near: there before it, gone after it, and never made by a start.

What clients see of it is in tests/integration/nginx/test_reload.py. Here a program stands for nginx that makes its
directory when it reads its configuration, so that the clock can be ours.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.serve.nginx_program import BEFORE, LASTS, SIGN, NginxProgram
from tests.support.processes import eventually

READER = """
import os, signal, sys
from contextlib import suppress
from pathlib import Path
runtime, times = Path(sys.argv[1]), 0
def read(*_):
    global times
    times += 1
    with suppress(FileExistsError):
        (runtime / "farewell").mkdir()
    (runtime / "read").write_text(f"{os.getpid()} {times}")
signal.signal(signal.SIGHUP, read)
read()
(runtime / "nginx.pid").write_text(f"{os.getpid()}\\n")
while True:
    signal.pause()
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[NginxProgram]:
    program = NginxProgram([sys.executable, "-c", READER, str(tmp_path)], tmp_path, os.environ)
    yield program
    program.signal(signal.SIGKILL)
    eventually(lambda: program.pid is None or program.ended(0) is not None, what="its end")


def started(nginx: NginxProgram, runtime: Path, now: float) -> None:
    nginx.keep(now)
    eventually(lambda: holds(runtime / "nginx.pid", f"{nginx.pid}\n"), what="a start")


def holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def test_a_start_makes_no_sign_even_after_one_that_was_killed_beside_its_own(
    nginx: NginxProgram, tmp_path: Path
) -> None:
    started(nginx, tmp_path, 0)
    assert (tmp_path / SIGN).is_file()
    nginx.keep(1)
    assert not (tmp_path / SIGN).exists()
    (tmp_path / SIGN).mkdir()
    nginx.signal(signal.SIGKILL)
    eventually(lambda: nginx.ended(1) is not None, what="its end")
    started(nginx, tmp_path, 100)
    assert not (tmp_path / SIGN).is_dir()
    nginx.keep(101)
    assert not (tmp_path / SIGN).exists()


def test_before_a_reload_of_ours_there_is_a_sign_for_a_while(nginx: NginxProgram, tmp_path: Path) -> None:
    started(nginx, tmp_path, 0)
    nginx.reload(10)
    assert (tmp_path / SIGN).is_dir()
    nginx.keep(10)
    nginx.keep(10 + BEFORE - 0.1)
    assert holds(tmp_path / "read", f"{nginx.pid} 1")
    nginx.keep(10 + BEFORE)
    eventually(lambda: holds(tmp_path / "read", f"{nginx.pid} 2"), what="a reload")
    nginx.keep(10 + LASTS - 0.1)
    assert (tmp_path / SIGN).is_dir()
    nginx.keep(10 + LASTS)
    assert not (tmp_path / SIGN).exists()
    nginx.keep(100)
    assert holds(tmp_path / "read", f"{nginx.pid} 2")


def test_the_sign_of_a_reload_that_somebody_else_asked_for_goes_too(nginx: NginxProgram, tmp_path: Path) -> None:
    started(nginx, tmp_path, 0)
    nginx.keep(1)
    assert nginx.pid is not None
    for now in (10, 20):
        os.kill(nginx.pid, signal.SIGHUP)
        eventually((tmp_path / SIGN).is_dir, what="the sign")
        nginx.keep(now)
        assert (tmp_path / SIGN).is_dir()
        nginx.keep(now + LASTS)
        assert not (tmp_path / SIGN).exists()


def test_a_reload_that_is_asked_for_again_is_not_put_off_and_has_its_whole_sign(
    nginx: NginxProgram, tmp_path: Path
) -> None:
    started(nginx, tmp_path, 0)
    nginx.reload(10)
    nginx.reload(10 + BEFORE * 0.9)
    nginx.keep(10 + BEFORE)
    eventually(lambda: holds(tmp_path / "read", f"{nginx.pid} 2"), what="a reload")
    nginx.keep(10 + LASTS)
    assert (tmp_path / SIGN).is_dir()
    nginx.keep(10 + BEFORE * 0.9 + LASTS)
    assert not (tmp_path / SIGN).exists()


def test_one_that_died_before_its_reload_begins_with_what_there_is(nginx: NginxProgram, tmp_path: Path) -> None:
    started(nginx, tmp_path, 0)
    nginx.reload(10)
    nginx.signal(signal.SIGKILL)
    eventually(lambda: nginx.ended(10) is not None, what="its end")
    started(nginx, tmp_path, 100)
    nginx.keep(101)
    nginx.keep(200)
    assert holds(tmp_path / "read", f"{nginx.pid} 1")


def test_who_looks_after_it_hears_that_it_starts(nginx: NginxProgram, tmp_path: Path) -> None:
    assert nginx.starting
    started(nginx, tmp_path, 0)
    assert nginx.starting
    nginx.keep(1)
    assert not nginx.starting
