"""A decoy's 404: byte for byte everybody's, but slow; for so many at once, and named in no log."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.config.settings import Settings
from app.edge import render
from app.serve import nginx, sockets
from tests.integration.nginx.access_log import line_of
from tests.integration.nginx.raw import request
from tests.support.gateway import KEY, free_port, running_gateway
from tests.support.processes import eventually
from tests.support.wire import fresh_address

PREFIX, DECOY = "a-prefix-of-many-letters", "a-decoy-of-many-letters"
ENV = {"MCP_PATH_PREFIX": PREFIX, "MCP_DECOY_PREFIX": DECOY}
AT_ONCE = 20
AT_LEAST = 3.0
"""Seconds for the 200 bytes and more of a slow answer, at 50 a second; a quick one takes less on any machine."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An nginx of our configuration without an app, whose decoy is less slow and busy sooner."""
    binary = nginx.find()
    assert binary
    folder, opened = tmp_path_factory.mktemp("decoy"), sockets.listen_tcp("127.0.0.1", free_port())
    known = Settings(path_prefixes=(PREFIX,), decoy_prefixes=(DECOY,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "DECOY_RATE", 50)
        patch.setattr(render, "DECOYS", AT_ONCE)
        command = nginx.configure(binary, folder, folder / "app.sock", opened, known)
    running = subprocess.Popen(
        command,
        env=nginx.environment(opened),
        pass_fds=[listener.fileno() for listener in opened],
        stderr=subprocess.DEVNULL,
    )
    yield opened[0].getsockname()[1]
    running.terminate()
    assert running.wait(30) == 0
    sockets.close(opened)


def opened(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), 30, (fresh_address(), 0))
    client.sendall(sent)
    return client


def received(client: socket.socket) -> tuple[bytes, float]:
    """All but the date, and how many seconds after the first byte the last one came."""
    with client:
        first = client.recv(1)
        began = time.monotonic()
        rest = b"".join(iter(lambda: client.recv(4096), b""))
    return re.sub(rb"\r\nDate: [^\r]*", b"", first + rest), time.monotonic() - began


def test_it_is_everybodys_404_but_slow(port: int) -> None:
    def asked(path: str) -> list[socket.socket]:
        methods = ("GET", "POST", "HEAD", "OPTIONS", "FOO")
        return [opened(port, request(method, path, body=b"{}" if method == "POST" else b"")) for method in methods]

    expected = [received(client) for client in asked("/nowhere/mcp")]
    assert all(found.startswith(b"HTTP/1.1 404 ") and seconds < AT_LEAST for found, seconds in expected)
    for path in (f"/{DECOY}", f"/{DECOY}x/mcp", f"/x/../{DECOY}/mcp"):
        assert all(received(client)[1] < AT_LEAST for client in asked(path)), path
    slow = [asked(f"/{DECOY}{path}") for path in ("/mcp", "/", "/x/health?y=1")]
    first = received(slow[0][0])
    assert (first[0], first[1] >= AT_LEAST) == (expected[0][0], True)
    for clients in (slow[0][1:], slow[1][1:], slow[2]):
        assert [received(client)[0] for client in clients] == [found for found, _ in expected[-len(clients) :]]
    slow[1][0].close()


def test_who_is_one_too_many_is_answered_at_once(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(AT_ONCE):
            client = stack.enter_context(opened(port, request("GET", f"/{DECOY}/mcp")))
            assert client.recv(1)
        found, seconds = received(opened(port, request("GET", f"/{DECOY}/mcp")))
        assert found.startswith(b"HTTP/1.1 404 ")
        assert seconds < AT_LEAST


def test_it_stands_in_no_log_and_its_visits_do() -> None:
    with running_gateway({"mcpServers": {}}, keys={KEY: "one"}, env=ENV, edge=True) as gateway:
        with opened(gateway.port, request("GET", f"/{DECOY}/mcp", "User-Agent: decoyed")) as client:
            began, found = time.monotonic(), b""
            while time.monotonic() - began < 2:
                found += client.recv(4096)
            assert 0 < len(found) < 40, "8 bytes a second"
        line = eventually(lambda: line_of(gateway, "decoyed"), what="its line")
        assert (line["path"], line["status"], line["completed"]) == ("decoy", 404, False)
        assert DECOY not in gateway.log()
