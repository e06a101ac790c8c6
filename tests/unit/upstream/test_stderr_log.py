import logging

import pytest

from app.upstream.stderr_log import BYTES_PER_SECOND, KEPT_LINES, LINE_LIMIT, StderrLog
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink(clock: Clock, caplog: pytest.LogCaptureFixture) -> StderrLog:
    caplog.set_level(logging.INFO)
    return StderrLog("files", clock)


def test_lines_are_logged_whole_with_the_server_s_name(sink: StderrLog, caplog: pytest.LogCaptureFixture) -> None:
    sink.feed(b"one\ntw")
    sink.feed(b"o\n\nthr")
    sink.flush()
    assert sink.tail == ("one", "two", "thr")
    assert caplog.messages == [f"server=files stderr: {line}" for line in sink.tail]


def test_what_could_forge_a_line_or_drive_a_terminal_is_replaced(sink: StderrLog) -> None:
    sink.feed(b"a\rb\x1b[31mc\x00\td\xff\xe2\x80\xa8e\n")
    assert sink.tail == ("a\ufffdb\ufffd[31mc\ufffd\td\ufffd\ufffde",)


def test_a_long_line_is_cut_and_its_rest_is_dropped(sink: StderrLog) -> None:
    sink.feed(b"x" * (LINE_LIMIT + 1))
    sink.feed(b"x" * 100 + b"\nnext\n")
    assert [len(line) for line in sink.tail] == [LINE_LIMIT, 4]


def test_over_the_budget_bytes_are_dropped_and_counted_once_there_is_room(
    sink: StderrLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        sink.feed(b"y" * 999 + b"\n" + b"y" * 1000 * 100)
    assert sum(map(len, caplog.messages)) <= BYTES_PER_SECOND
    clock.now += 1
    sink.feed(b"\nafter\n")
    assert sink.tail[-1] == "after"
    assert len([message for message in caplog.messages if "bytes dropped" in message]) == 1


def test_only_the_last_lines_are_kept(sink: StderrLog) -> None:
    sink.feed(b"".join(b"%d\n" % n for n in range(KEPT_LINES + 10)))
    assert sink.tail[0] == "10"
    assert len(sink.tail) == KEPT_LINES


def test_a_stray_line_of_stdout_is_kept_beside_the_others_and_not_logged_again(
    sink: StderrLog, caplog: pytest.LogCaptureFixture
) -> None:
    sink.feed(b"starting\n")
    sink.stray(b"listening on port 3000\x1b\r")
    assert sink.tail == ("starting", "(stdout) listening on port 3000\ufffd")
    assert caplog.messages == ["server=files stderr: starting"]


def test_a_flood_is_said_to_be_one_until_the_next_second(sink: StderrLog, clock: Clock) -> None:
    assert [sink.feed(b"z" * BYTES_PER_SECOND), sink.feed(b"z\n")] == [False, True]
    clock.now += 1
    assert not sink.feed(b"calm again\n")
