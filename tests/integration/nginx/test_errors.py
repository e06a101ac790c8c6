"""Every status that the edge can make is JSON, and a JSON-RPC error on the endpoint (RELIABILITY.md section 4 item 8).

Statuses that no request brings nginx to are asked for through a configuration of our snippets that returns them.
"""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.edge.render import render
from app.edge.settings import EdgeSettings
from app.serve.nginx import ROOT, environment, find, sources
from tests.integration.nginx.raw import parsed, request
from tests.support.gateway import free_port
from tests.support.processes import eventually

TEXT = (ROOT / "snippets/error-pages.conf").read_text()
PAGES = sorted({int(status) for status in re.findall(r"^error_page (\d+)", TEXT, re.MULTILINE)})
# nginx's own numbers, and what they are on the wire.
WIRE = {494: 400, 495: 400, 496: 400, 497: 400}


@contextmanager
def alone(folder: Path) -> Iterator[int]:
    """The port of an nginx with our configuration, an app that is not there, and a place that returns what one asks."""
    binary, port = find(), free_port()
    assert binary
    chosen = EdgeSettings(
        listen=(("127.0.0.1", port),), socket=f"{folder}/app.sock", runtime=str(folder), max_body=1024, access_log=False
    )
    asked = "\n".join(
        f"location = /asked/{status}/mcp {{ return {status}; }} location = /asked/{status}/x {{ return {status}; }}"
        for status in PAGES
    )
    for name, text in render(sources("plain"), chosen).items():
        changed = text.replace('    "~^/(?:(?:servers', '    "~^/asked/[0-9]+/mcp$" 1;\n    "~^/(?:(?:servers', 1)
        if name == "templates/plain.conf":
            changed = text.replace("include snippets/site.conf;", f"include snippets/site.conf;\n{asked}")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(changed)
    command = [binary, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(()), stdout=log, stderr=log)
    try:
        eventually(lambda: (folder / "nginx.pid").exists() or process.poll() is not None, what="nginx")
        assert process.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with alone(tmp_path_factory.mktemp("nginx")) as found:
        yield found


def ask(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as wire:
        wire.sendall(sent)
        received = b""
        while piece := wire.recv(65536):
            received += piece
    return parsed(received)


def checked(answer: tuple[int, dict[str, str], bytes], status: int, *, rpc: bool) -> None:
    found, headers, body = answer
    assert found == status
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    message = json.loads(body)
    if rpc:
        assert set(message) == {"jsonrpc", "error"}, "and no id: nginx has read none"
        assert message["error"]["code"] == (-32603 if status >= 500 else -32600)
        assert message["error"]["message"]
    else:
        assert set(message) == {"error", "error_description"}
    assert ("retry-after" in headers) == (status in (429, 502, 503, 504))
    assert ("allow" in headers) == (status == 405)


def test_the_pages_are_those_of_all_statuses_that_nginx_makes() -> None:
    """Of `ngx_http_error_pages` those that a server without redirects, DAV or authentication of its own can come to."""
    assert set(PAGES) >= {400, 403, 404, 405, 411, 413, 414, 421, 429, 494, 495, 496, 497} | {
        *range(500, 506),
        507,
    }


@pytest.mark.parametrize("status", PAGES)
def test_a_status_is_json_anywhere_and_a_json_rpc_error_on_the_endpoint(port: int, status: int) -> None:
    wire = WIRE.get(status, status)
    elsewhere = 404 if status == 405 else wire  # a method is refused on the endpoint alone
    checked(ask(port, request("GET", f"/asked/{status}/x")), elsewhere, rpc=False)
    checked(ask(port, request("GET", f"/asked/{status}/mcp")), wire, rpc=True)


@pytest.mark.parametrize(("path", "rpc"), [("/mcp", True), ("/servers/a/mcp", True), ("/health", False)])
def test_without_the_app_the_answer_is_502_in_its_form_and_says_when_to_come_again(
    port: int, path: str, rpc: bool
) -> None:
    checked(ask(port, request("GET", path)), 502, rpc=rpc)


@pytest.mark.parametrize(("path", "status"), [("/mcp", 405), ("/mcp/", 405), ("/", 404), ("/x", 404)])
def test_trace_is_a_method_that_nobody_has(port: int, path: str, status: int) -> None:
    checked(ask(port, request("TRACE", path)), status, rpc=status == 405)


def test_a_page_is_no_path_of_anybodys(port: int) -> None:
    for status in PAGES:
        checked(ask(port, request("GET", f"/_error/{status}")), 404, rpc=False)
