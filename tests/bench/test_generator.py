"""The measuring itself is honest: right answers count, wrong and refused ones do not, and both are told apart."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench import generator
from tests.bench.endpoint import LEGACY, MODERN, Endpoint
from tests.bench.gateway import echo_http
from tests.bench.processes import Reading
from tests.bench.scenarios import Effort, direct_call, plan

SHORT = Effort(1, 0.1, 0.4, (1, 4))
NO_CLOCKS = Reading(0, 0, 0, 1)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A server that gives every request the same answer."""

    class Same(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the base class)
            """Nothing: the test asserts on what was counted."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Same) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)


def measured(port: int) -> generator.Measured:
    request = Endpoint(port, MODERN).request("tools/call", {"name": "echo", "arguments": {"text": "@@@@@@@@@@:"}})
    target = ["http", "127.0.0.1", str(port)]
    return generator.drive(target, [b"", b"@@@@@@@@@@:", request], (0.05, 0.2), lambda _: NO_CLOCKS)


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("kind", ["stdio", "http"])
@pytest.mark.parametrize("connections", [1, 4])
def test_the_bare_upstreams_answer_every_request_with_its_own_text(kind: str, era: str, connections: int) -> None:
    with echo_http() as (process, port):
        row = direct_call(kind, era, connections, SHORT, (process.pid, port))
    assert row.measured.figures["ok"] > 0
    assert row.measured.wrong == 0
    assert row.measured.figures["waiting"] <= connections
    assert row.measured.after.upstream_s > 0, "the upstream's own CPU is seen"


def test_the_answer_to_another_request_counts_as_wrong() -> None:
    with answering(200, b'{"jsonrpc":"2.0","id":1000000001,"result":{"text":"1000000000:"}}') as port:
        figures = measured(port).figures
    assert figures["bad_body"] == figures["answered"] > 0
    assert figures["ok"] == 0
    assert "1000000000:" in figures["first_bad"]


def test_a_refusal_counts_as_wrong_even_with_the_right_text() -> None:
    with answering(503, b"busy") as port:
        figures = measured(port).figures
    assert figures["bad_status"] == figures["answered"] > 0


def test_a_server_that_is_not_there_is_an_error_and_not_a_figure() -> None:
    with answering(200, b"") as port:
        pass
    with pytest.raises(RuntimeError, match="Connection refused"):
        measured(port)


def test_every_connection_of_a_plan_has_a_session_of_its_own() -> None:
    with answering(200, b'{"jsonrpc":"2.0","id":7,"result":{"protocolVersion":"2025-11-25"}}') as port:
        preface, needle, *requests = plan(Endpoint(port, LEGACY), 3, "tools/call", "echo")
    assert (preface, len(requests)) == (b"", 3)
    assert needle.startswith(b'"text":"@@@@@@@@@@:')
    assert all(b"MCP-Protocol-Version: 2025-11-25\r\n" in request for request in requests)
