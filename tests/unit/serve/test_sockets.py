"""Sockets are opened with an error that says what to do, and leave nothing behind."""

import errno
import os
import select
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from app.serve import sockets
from app.serve.errors import StartError
from tests.support.gateway import free_port


def test_a_name_is_served_on_every_address_it_has() -> None:
    opened = sockets.listen_tcp("localhost", free_port())
    addresses = {listener.getsockname()[0] for listener in opened}
    assert "127.0.0.1" in addresses
    assert addresses <= {"127.0.0.1", "::1"}
    sockets.close(opened)


def test_every_address_means_ipv4_too() -> None:
    port = free_port()
    opened = sockets.listen_tcp("::", port)
    socket.create_connection(("127.0.0.1", port), 5).close()
    sockets.close(opened)


def test_a_client_that_takes_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "STALLED", 1.0)
    (listener,) = sockets.listen_tcp("127.0.0.1", free_port())
    with listener, socket.create_connection(listener.getsockname(), 5), listener.accept()[0] as ours:
        ours.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                ours.send(bytes(65536))
        cut = select.poll()
        cut.register(ours, select.POLLERR)
        assert cut.poll(10_000)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT


def test_a_port_in_use_is_an_error_that_names_the_variables() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartError, match=r"MCP_PORT.*in use"):
        sockets.listen_tcp("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(StartError, match="no such address: set MCP_HOST"):
        sockets.listen_tcp("192.0.2.1", free_port())


def test_a_name_that_is_none_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(StartError, match=r"MCP_HOST=no-such-name\.invalid"):
        sockets.listen_tcp("no-such-name.invalid", free_port())


def test_a_unix_socket_has_its_mode_from_the_start_and_is_gone_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    opened = sockets.listen_unix(path, 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sockets.close([opened])
    sockets.close([opened])
    assert not path.exists()


def test_a_socket_nobody_listens_on_is_replaced_and_one_in_use_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    sockets.listen_unix(path, 0o600).close()
    opened = sockets.listen_unix(path, 0o600)
    with pytest.raises(StartError, match=r"another gateway.*MCP_DATA_DIR"):
        sockets.listen_unix(path, 0o600)
    sockets.close([opened])


def test_a_file_in_the_way_and_a_path_too_long_are_errors(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(StartError, match="not a socket"):
        sockets.listen_unix(tmp_path / "s", 0o600)
    assert (tmp_path / "s").read_text() == "mine"
    with pytest.raises(StartError, match="too long"):
        sockets.listen_unix(tmp_path / ("x" * 120), 0o600)


def test_the_runtime_directory_is_private_and_goes_with_us() -> None:
    runtime = sockets.RuntimeDir()
    assert stat.S_IMODE(runtime.path.stat().st_mode) == 0o700
    runtime.remove()
    assert not runtime.path.exists()


def test_what_a_killed_launcher_left_is_swept_and_what_lives_is_not() -> None:
    left, living = sockets.RuntimeDir(), sockets.RuntimeDir()
    os.close(left._lock)
    third = sockets.RuntimeDir()
    assert not left.path.exists()
    assert living.path.exists()
    living.remove()
    third.remove()
