"""nginx is found, configured and understood without touching the system's."""

import logging
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.serve import nginx, sockets
from app.serve.errors import StartError
from tests.support.gateway import free_port


@pytest.fixture
def listening() -> Iterator[list[socket.socket]]:
    opened = sockets.listen_tcp("127.0.0.1", free_port())
    yield opened
    sockets.close(opened)


def _program(folder: Path, script: str) -> str:
    path = folder / "nginx"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_it_is_found_where_a_users_path_does_not_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(nginx, "_ALSO", (str(tmp_path / "sbin"),))
    assert nginx.find() is None
    (tmp_path / "sbin").mkdir()
    there = _program(tmp_path / "sbin", "")
    assert nginx.find() == there
    first = _program(tmp_path, "")
    assert nginx.find() == first


def test_it_sees_nothing_of_our_environment_but_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_API_KEYS", "secret:x")
    opened = sockets.listen_tcp("127.0.0.1", free_port())
    seen = nginx.environment(opened)
    assert seen["NGINX"] == f"{opened[0].fileno()};"
    assert set(seen) <= {"NGINX", "PATH", "TZ", "LANG", "LD_LIBRARY_PATH"}
    sockets.close(opened)


def test_the_configuration_is_written_checked_and_run_over(tmp_path: Path) -> None:
    opened = sockets.listen_tcp("127.0.0.1", free_port())
    binary = nginx.find()
    assert binary
    command = nginx.configure(binary, tmp_path, tmp_path / "app.sock", opened, Settings(max_body=2048))
    assert command[-2:] == ["-c", str(tmp_path / "nginx.conf")]
    text = (tmp_path / "nginx.conf").read_text()
    assert "client_max_body_size 2048;" in text
    assert (tmp_path / "snippets" / "proxy.conf").exists()
    assert stat.S_IMODE((tmp_path / "nginx.conf").stat().st_mode) == 0o600, "it may hold the prefix"
    sockets.close(opened)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo 'nginx: [emerg] unknown directive \"x\" in y:1' >&2; exit 1",
            'refuses our configuration: unknown directive "x"',
        ),
        ("exit 3", "refuses our configuration: exit code 3"),
    ],
)
def test_an_nginx_that_refuses_is_an_error_with_its_words_and_the_way_out(
    tmp_path: Path, listening: list[socket.socket], script: str, said: str
) -> None:
    with pytest.raises(StartError, match=said) as caught:
        nginx.configure(_program(tmp_path, script), tmp_path, tmp_path / "a", listening, Settings())
    assert "MCP_EDGE=no" in str(caught.value)


def test_a_directory_that_cannot_stand_in_a_configuration_is_an_error_that_names_the_variable(
    tmp_path: Path, listening: list[socket.socket]
) -> None:
    with pytest.raises(StartError, match="TMPDIR"):
        nginx.configure(nginx.find() or "", tmp_path / "with space", tmp_path / "a", listening, Settings())


def test_an_nginx_that_cannot_be_run_is_an_error(tmp_path: Path, listening: list[socket.socket]) -> None:
    with pytest.raises(StartError, match="does not run"):
        nginx.configure(str(tmp_path / "none"), tmp_path, tmp_path / "a", listening, Settings())


def test_its_lines_become_ours_with_their_level() -> None:
    data = (
        b"2026/11/22 12:00:00 [error] 12#12: *1 connect() failed\n"
        b"nginx: [emerg] bind() failed\n"
        b"\n"
        b"something \xff else\n" + b"2026/11/22 12:00:00 [notice] 1#1: " + b"x" * 9000
    )
    seen = list(nginx.relay(data))
    assert seen[0] == (logging.ERROR, "*1 connect() failed")
    assert seen[1] == (logging.CRITICAL, "bind() failed")
    assert seen[2] == (logging.WARNING, "something \ufffd else")
    assert seen[3][0] == logging.INFO
    assert len(seen[3][1]) < 4096


def test_its_workers_run_as_nobody_in_particular_only_where_we_are_root() -> None:
    found = nginx.unprivileged()
    assert (found is not None) == (os.geteuid() == 0)
    assert found is None or found[0] != "root"


def test_a_cut_connection_is_told_from_an_alert() -> None:
    said = b"2026/01/01 00:00:00 [alert] 7#7: *6 open socket #4 left in connection 2\n"
    [(_, cut)] = nginx.relay(said)
    assert nginx.tells_of_a_cut(cut)
    assert nginx.tells_of_a_cut("aborting")
    assert not nginx.tells_of_a_cut("worker process 7 exited on signal 9")


def test_its_version_is_read_and_an_unknown_one_is_the_oldest(tmp_path: Path) -> None:
    assert nginx.version(_program(tmp_path, "echo 'nginx version: nginx/1.30.2 (x)' >&2")) == (1, 30, 2)
    assert nginx.version(_program(tmp_path, "echo 'something else' >&2")) == nginx.OLDEST


def test_the_request_that_nginx_quotes_in_an_error_is_cut_out() -> None:
    line = (
        b"2026/11/22 12:00:00 [error] 12#12: *1 connect() to unix:/x failed (2: No such file), client: 192.0.2.1, "
        b'server: , request: "POST /prefix/mcp?key=k HTTP/1.1", upstream: "http://unix:/x:/prefix/mcp", host: "h"'
    )
    [(_, text)] = nginx.relay(line)
    assert text == "*1 connect() to unix:/x failed (2: No such file), client: 192.0.2.1"


def test_the_access_log_is_written_where_its_logger_is_heard(tmp_path: Path) -> None:
    for level, expected in (("INFO", "/dev/stderr access"), ("WARNING", "access_log off;")):
        logging.getLogger("nginx.access").setLevel(level)
        settings = nginx.edge_settings(Settings(), "plain", tmp_path, "/s", [("127.0.0.1", 80)])
        nginx.write(tmp_path, settings)
        assert expected in (tmp_path / "snippets" / "access-log.conf").read_text()
    logging.getLogger("nginx.access").setLevel(logging.NOTSET)
