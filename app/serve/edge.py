"""`python -m app nginx`: our nginx configuration, to look at, to write somewhere, or to run nginx on (`--run`).

For an nginx that is not the launcher's child: the one of another container, which reaches the app by a unix socket that
both mount. Stdlib only. May not know of TLS more than where its files are.
"""

import logging
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.config.settings import Settings
from app.edge.render import printed, render
from app.edge.settings import VARIANTS, EdgeSettings
from app.serve import nginx
from app.serve.errors import CONFIGURATION, StartError
from app.serve.handover import EDGE_SOCKET
from app.serve.logs import MASK
from app.serve.start import read_environment
from app.serve.supervisor import supervise

SUMMARY = "print the nginx config for plain, tunnel or tls; write it, or run nginx on it"

log = logging.getLogger("app.serve")

SHOWN = Path("/run/mcp-proxy")
"""The directory that a printed configuration names as its own."""
SOCKET = "/run/gateway/app.sock"
CERTIFICATES = "/etc/letsencrypt/live"
WEBROOT = "/var/www/acme"
TLS_PORT = 8443
SHUTDOWN = 30
"""Seconds that streams live on through a reload or a stop (RELIABILITY.md section 4 item 10)."""
SHUTDOWN_TLS = 24 * 3600
"""The same where certificates make reloads come by themselves: none drops a stream, which ends by itself after a day. A
stop takes no longer than elsewhere: supervisor.py bounds it."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("variant", nargs="?", choices=VARIANTS, default="plain", help="plain (default), tunnel or tls")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--output", metavar="DIR", help="write the files there, for `nginx -p DIR -c DIR/nginx.conf`")
    what.add_argument("--run", action="store_true", help="run nginx on it in the foreground")
    parser.add_argument("--socket", metavar="PATH", help="where the app listens")
    parser.add_argument("--tls-port", metavar="PORT", type=int, default=TLS_PORT, help=f"for tls; default {TLS_PORT}")
    parser.add_argument("--certificates", metavar="DIR", default=CERTIFICATES, help=f"for tls; default {CERTIFICATES}")
    parser.add_argument("--webroot", metavar="DIR", default=WEBROOT, help=f"for tls, of ACME; default {WEBROOT}")
    parser.add_argument("--nginx-version", metavar="X.Y.Z", help="of the nginx it is for; default: the one here")


def run(args: Namespace) -> int:
    """0; 2 with every reason when it cannot be done; with `--run`, nginx's exit code."""
    try:
        known, env = read_environment()
        if args.run:
            return supervise(lambda directory: settings_for(args, *read_environment(), directory))
        target = Path(args.output).absolute() if args.output else SHOWN
        settings = settings_for(args, known, env, target)
        if args.output:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            nginx.write(target, settings)
            print(f"written: {target}/nginx.conf", file=sys.stderr)  # noqa: T201 - a command's own words
            return 0
    except StartError as error:
        for problem in error.problems:
            log.error(problem)
        return CONFIGURATION
    except OSError as error:
        log.error("the configuration cannot be written: %s", error)
        return CONFIGURATION
    text = printed(render(nginx.sources(settings.variant), settings))
    if not sys.stdout.isatty():
        for prefix in (*known.path_prefixes, *known.decoy_prefixes):
            text = text.replace(prefix, MASK)
    sys.stdout.write(text)
    return 0


def settings_for(args: Namespace, known: Settings, env: Mapping[str, str], directory: Path) -> EdgeSettings:
    """What `args` and the environment ask for, with `directory` as nginx's own. Raises `StartError`."""
    app_socket = args.socket or env.get(EDGE_SOCKET, "").strip() or SOCKET
    addresses = _addresses(known.host)
    more: dict[str, Any] = {"version": _version(args.nginx_version), "shutdown": SHUTDOWN}
    if args.variant == "tls":
        more |= _tls(args, known, addresses)
    listen = [(address, known.port) for address in addresses]
    return nginx.edge_settings(known, args.variant, directory, app_socket, listen, **more)


def _tls(args: Namespace, known: Settings, addresses: list[str]) -> dict[str, Any]:
    if not known.domains:
        raise StartError("MCP_DOMAIN is not set: tls needs the host name that clients use")
    folder = f"{args.certificates.rstrip('/')}/{known.domains[0]}"
    return {
        "shutdown": SHUTDOWN_TLS,
        "listen_tls": tuple((address, args.tls_port) for address in addresses),
        "domains": known.domains,
        "certificate": (f"{folder}/fullchain.pem", f"{folder}/privkey.pem"),
        "webroot": args.webroot,
    }


def _version(asked: str | None) -> tuple[int, int, int]:
    if asked is None:
        binary = nginx.find()
        return nginx.version(binary) if binary else nginx.OLDEST
    try:
        major, minor, patch = map(int, asked.split("."))
    except ValueError:
        raise StartError("--nginx-version takes three numbers, such as 1.30.0") from None
    return major, minor, patch


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"MCP_HOST={host} names no address of this machine: {error.strerror}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
