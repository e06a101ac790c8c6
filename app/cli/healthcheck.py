"""`healthcheck`: exit 0 when the gateway answers and is well, else 1. For a container's HEALTHCHECK.

Run every few seconds: the standard library only, one request, no key. Follows `MCP_HOST`, `MCP_PORT` and the prefix,
which it does not print; where nginx has a container of its own, the socket between the two.
"""

import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from app.cli.environment import environment, prefixes, settings, variable

SUMMARY = "exit 0 if the gateway here is well, else 1"

PATH = "/health/live"
AGENT = "mcp-proxy-healthcheck"
EDGE_SOCKET = "GATEWAY_EDGE_SOCKET"
"""As app/serve/handover.py has it, which a command does not import."""
TIMEOUT = 5.0
UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def add_arguments(parser: ArgumentParser) -> None:
    del parser


def run(args: Namespace) -> int:
    del args
    env = environment()
    host, port = listener(env)
    path = "".join(f"/{prefix}" for prefix in prefixes(env)[:1]) + PATH
    connection = HTTPConnection(host, port, timeout=TIMEOUT)
    where = variable(env, EDGE_SOCKET) or f"{host}:{port}"
    try:
        if where.startswith("/"):
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(TIMEOUT)
            connection.sock.connect(where)
        connection.request("GET", path, headers={"User-Agent": AGENT, "Host": host_name(env)})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return _unwell(f"no answer at {where}: {error or type(error).__name__}")
    finally:
        connection.close()
    return 0 if status == 200 else _unwell(f"{where}: {PATH} answers {status}")


def listener(env: Mapping[str, str]) -> tuple[str, int]:
    """Where to ask: an address that means "all of them" is asked on loopback."""
    known = settings(env)
    return UNSPECIFIED.get(known.host, known.host), known.port


def host_name(env: Mapping[str, str]) -> str:
    """The `Host` to ask under: one that is served, wherever hosts are checked."""
    return next((name for name in settings(env).allowed_hosts or () if name != "*"), "localhost")


def _unwell(reason: str) -> int:
    sys.stderr.write(f"unhealthy: {reason}\n")
    return 1
