"""The line of a call, written past `logging`."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.serve import logs
from app.serve.call_lines import call_writer

FIELDS = {"client": "ann", "tool": 'odd "name" \n \u2028 é', "ms": 1.25}


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    before = logging.getLogger().handlers
    opened = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT)
    yield opened
    logging.getLogger().handlers = before
    os.close(opened)


def written(descriptor: int) -> list[str]:
    return os.pread(descriptor, 1 << 16, 0).decode().splitlines()


def test_the_line_is_what_logging_would_have_written(descriptor: int) -> None:
    logs.configure("INFO", [], "json", descriptor)
    call_writer()(FIELDS)
    logging.getLogger("app.call").info("call", extra={"fields": FIELDS})
    raw = os.pread(descriptor, 1 << 16, 0)
    assert raw.isascii()
    fast, usual = (json.loads(line) for line in raw.split(b"\n")[:2])
    fast["time"] = usual["time"]
    assert list(fast.items()) == list(usual.items())


def test_its_level_can_be_switched_off(descriptor: int) -> None:
    logs.configure("INFO", [("app.call", "WARNING")], "json", descriptor)
    call_writer()(FIELDS)
    assert written(descriptor) == []


def test_secrets_are_masked_in_it_too(descriptor: int) -> None:
    logs.configure("INFO", [], "json", descriptor)
    logs.hide(["sk-very-secret"])
    call_writer()({"tool": "sk-very-secret"})
    assert "sk-very-secret" not in written(descriptor)[0]


def test_on_a_terminal_it_goes_the_usual_way(descriptor: int) -> None:
    logs.configure("INFO", [], "text", descriptor)
    call_writer()({"client": "ann", "tool": "a b"})
    assert written(descriptor)[0].endswith('app.call: call client=ann tool="a b"')
