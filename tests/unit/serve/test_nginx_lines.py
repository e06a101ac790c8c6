"""What nginx writes becomes lines of our log, in whatever pieces it comes."""

import json
import logging
import os
from collections.abc import Iterator

import pytest

from app.serve import logs
from app.serve.nginx_lines import NginxLines

ACCESS = (
    b'{"time":"2026-11-22T12:00:00+00:00","level":"INFO","logger":"nginx.access","message":"request","path":"/mcp"}'
)
ERROR = b"2026/11/22 12:00:00 [error] 1#1: something failed"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    root = logging.getLogger()
    former, level = root.handlers, root.level
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    root.handlers = former
    root.setLevel(level)
    for end in ends:
        os.close(end)


def said(pipe: tuple[int, int], form: str, *pieces: bytes) -> list[str]:
    logs.configure("INFO", (), form, pipe[1])
    logs.hide(["a-secret-prefix"])
    lines = NginxLines()
    for piece in pieces:
        lines.feed(piece)
    try:
        return os.read(pipe[0], 65536).decode().splitlines()
    except BlockingIOError:
        return []


def test_access_lines_pass_as_they_are_where_the_log_is_json(pipe: tuple[int, int]) -> None:
    whole = b"\n".join((ACCESS, ERROR, ACCESS, b""))
    for pieces in ([whole], [whole[:10], whole[10:150], whole[150:]], [bytes([byte]) for byte in whole]):
        found = [json.loads(line) for line in said(pipe, "json", *pieces)]
        assert [line["logger"] for line in found].count("nginx.access") == 2
        assert [line["message"] for line in found if line["logger"] == "nginx"] == ["something failed"]


def test_on_a_terminal_they_are_text(pipe: tuple[int, int]) -> None:
    [line] = said(pipe, "text", ACCESS + b"\n")
    assert line.endswith("INFO    nginx.access: request path=/mcp")


def test_a_secret_in_one_is_masked(pipe: tuple[int, int]) -> None:
    [line] = said(pipe, "json", ACCESS.replace(b"/mcp", b"a-secret-prefix") + b"\n")
    assert json.loads(line)["path"] == "***"


def test_half_a_line_waits_for_the_rest_and_what_is_no_json_is_shown(pipe: tuple[int, int]) -> None:
    assert said(pipe, "json", ACCESS) == []
    [line] = said(pipe, "text", b'{"time":\xff\n')
    assert "WARNING" in line
