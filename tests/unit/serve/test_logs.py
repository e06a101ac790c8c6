"""One event, one line, of one form, and no secret in it."""

import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from app.config.key_format import new_key
from app.serve import logs


class Pipe:
    """What was written to the descriptor the logs go to."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)

    def lines(self) -> list[str]:
        try:
            return os.read(self.read_end, 1 << 16).decode().splitlines()
        except BlockingIOError:
            return []

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    root, made = logging.getLogger(), Pipe()
    former = root.handlers, root.level, logging.raiseExceptions
    yield made
    logging.captureWarnings(False)
    root.handlers, logging.raiseExceptions = former[0], former[2]
    root.setLevel(former[1])
    os.close(made.read_end)
    os.close(made.write_end)


def _json(pipe: Pipe, level: str = "INFO", levels: tuple[tuple[str, str], ...] = ()) -> None:
    logs.configure(level, levels, "json", pipe.write_end)


def test_a_json_line_has_time_level_logger_message_and_the_events_own_fields(pipe: Pipe) -> None:
    _json(pipe)
    logging.getLogger("app.x").info("called %s", "it", extra={"fields": {"tool": "a__b", "ms": 1.5}})
    (line,) = pipe.objects()
    assert line.pop("time").endswith("Z")
    assert line == {"level": "INFO", "logger": "app.x", "message": "called it", "tool": "a__b", "ms": 1.5}


@pytest.mark.parametrize(
    "hostile",
    ['"}\n{"level":"x', "\x1b[31m\r\n", "\udc80\ud800", "\u2028\u0085", "\x00", "é", b"\xff\xfe", object, 10**400],
)
def test_whatever_a_message_holds_a_line_is_one_json_object(pipe: Pipe, hostile: object) -> None:
    _json(pipe)
    logging.getLogger("app").info("said %s", hostile, extra={"fields": {"more": hostile}})
    (line,) = pipe.lines()
    assert json.loads(line)["message"].startswith("said ")
    assert line.isascii()


def test_a_text_line_stays_one_line(pipe: Pipe) -> None:
    logs.configure("INFO", (), "text", pipe.write_end)
    logging.getLogger("app").warning("a\nb\x1b[31m\udc80\u202ec\u2028", extra={"fields": {"n": "x\r"}})
    (line,) = pipe.lines()
    assert line.endswith(r"WARNING app: a\nb\x1b[31m\udc80\u202ec\u2028 n=x\r")


def test_a_traceback_is_part_of_its_line(pipe: Pipe) -> None:
    _json(pipe)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("app").exception("failed")
    (line,) = pipe.objects()
    assert "ValueError: broken" in line["error"]


def test_arguments_that_do_not_fit_are_shown_and_not_lost(pipe: Pipe) -> None:
    _json(pipe)
    logging.getLogger("app").info("only %d", "text")
    assert pipe.objects()[0]["message"] == "only %d ('text',)"


def test_a_secret_is_masked_wherever_it_stands_and_however_json_writes_it(pipe: Pipe) -> None:
    _json(pipe)
    secret = 'pa"ss\\wörd'
    logs.hide([secret, "long-secret", "long-secret-longer", "yes"])
    logging.getLogger("app").info("%s long-secret-longer yes", secret, extra={"fields": {"key": f"x{secret}"}})
    (line,) = pipe.objects()
    assert line["message"] == "*** *** yes"
    assert line["key"] == "x***"


def test_a_key_of_ours_is_masked_though_nobody_named_it(pipe: Pipe) -> None:
    _json(pipe)
    key = new_key(bytes(range(40)))
    logging.getLogger("app").info("x%sx %s", key, key[:20])
    assert pipe.objects()[0]["message"] == f"x***x {key[:20]}"


def test_what_was_hidden_stays_hidden_when_logging_is_configured_again(pipe: Pipe) -> None:
    _json(pipe)
    logs.hide(["long-secret"])
    _json(pipe)
    logging.getLogger("app").info("long-secret")
    assert pipe.objects()[0]["message"] == "***"


def test_levels_are_ours_unless_the_user_names_a_logger(pipe: Pipe) -> None:
    _json(pipe, "DEBUG", (("httpx", "DEBUG"), ("app.relay", "ERROR")))
    for name in ("app", "httpx", "uvicorn.error", "app.relay.x"):
        logging.getLogger(name).debug("fine")
        logging.getLogger(name).warning("loud")
    seen = [(line["logger"], line["message"]) for line in pipe.objects()]
    assert seen == [("app", "fine"), ("app", "loud"), ("httpx", "fine"), ("httpx", "loud"), ("uvicorn.error", "loud")]


def test_a_logger_with_a_handler_of_its_own_writes_each_line_once(pipe: Pipe) -> None:
    other = logging.getLogger("somebody.else")
    other.addHandler(logging.StreamHandler())
    other.propagate = False
    _json(pipe)
    other.warning("once")
    assert [line["message"] for line in pipe.objects()] == ["once"]


def test_no_access_log_is_written_and_uvicorn_can_see_that(pipe: Pipe) -> None:
    _json(pipe, "DEBUG")
    logging.getLogger("uvicorn.access").info("GET /")
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert pipe.lines() == []


def test_pythons_warnings_are_lines_too(pipe: Pipe) -> None:
    _json(pipe)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "old way" in pipe.objects()[0]["message"]


def test_a_reader_that_went_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    handler = logs.Lines(write_end, logs.TextLine())
    handler.handle(logging.LogRecord("app", logging.INFO, "", 0, "lost", None, None))
    os.close(write_end)


def test_lines_that_could_not_be_written_are_counted_and_a_torn_one_is_ended(pipe: Pipe) -> None:
    _json(pipe)
    log, full = logging.getLogger("app.x"), os.open("/dev/full", os.O_WRONLY)
    good = os.dup(pipe.write_end)
    os.write(pipe.write_end, b'{"tor')
    os.dup2(full, pipe.write_end)
    for number in range(3):
        log.info("lost %d", number)
    os.dup2(good, pipe.write_end)
    log.info("kept")
    log.info("kept")
    torn, *lines = pipe.lines()
    assert torn == '{"tor'
    assert [json.loads(line)["message"] for line in lines] == [
        "3 lines of this log were lost: they could not be written",
        "kept",
        "kept",
    ]
    os.close(full)
    os.close(good)


def test_a_reader_that_stands_still_is_not_waited_for_and_hears_what_it_missed(pipe: Pipe) -> None:
    _json(pipe)
    log = logging.getLogger("app.x")
    began = time.monotonic()
    for _ in range(5000):
        log.info("x" * 100)
    assert time.monotonic() - began < 10, "each line waited"
    kept = 0
    while lines := pipe.lines():
        kept += len(lines)
    log.info("again")
    loss, again = pipe.lines()[-2:]
    assert json.loads(again)["message"] == "again"
    lost = int(json.loads(loss)["message"].split()[0])
    assert kept > 100
    assert kept + lost in (5000, 5001), "one may be torn"


def test_a_line_larger_than_a_pipe_arrives_whole_at_who_reads(pipe: Pipe) -> None:
    _json(pipe)
    os.set_blocking(pipe.read_end, True)
    received = bytearray()

    def read() -> None:
        while not received.endswith(b"\n"):
            received.extend(os.read(pipe.read_end, 1000))

    reader = threading.Thread(target=read)
    reader.start()
    logging.getLogger("app.x").info("x" * 300_000)
    reader.join(10)
    assert len(json.loads(received)["message"]) == 300_000
