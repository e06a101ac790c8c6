"""nginx on this machine: where it is, our configuration for it, what it says. Stdlib only, as the launcher is.

No system service and no file of the system's nginx is touched; its files and sockets are in our runtime directory.
"""

import grp
import logging
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.config.settings import Settings
from app.edge.render import SOURCES, render
from app.edge.settings import EdgeSettings, Variant
from app.serve.descriptors import limit, nginx_connections
from app.serve.errors import StartError
from app.serve.nginx_program import SIGN

log = logging.getLogger("nginx")
access = logging.getLogger("nginx.access")

ROOT = Path(__file__).resolve().parents[2] / "nginx"
MISSING = (
    "nginx is not on this machine: serving without it, so requests and streams are not limited; install nginx, or "
    "set MCP_EDGE=no to silence this"
)
# Debian keeps nginx where a user's PATH does not look.
_ALSO = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_UNPRIVILEGED = ("www-data", "nginx", "nobody")
_LONGEST_LINE = 4096
_LINE = re.compile(rb"(?:\S+ \S+ |nginx: )?\[(?P<level>[a-z]+)\] (?:\d+#\d+: )?(?P<text>.*)", re.DOTALL)
# A client's own words: they may hold a prefix, and a key in a query.
_QUOTED = re.compile(rb", (?:server: [^,]*, )?(?:request|subrequest|upstream|host|referrer): .*", re.DOTALL)
_VERSION = re.compile(rb"nginx/(\d+)\.(\d+)\.(\d+)")
OLDEST = (1, 22, 0)
_LEVELS = {b"emerg": 50, b"alert": 50, b"crit": 50, b"error": 40, b"warn": 30, b"notice": 20, b"info": 20, b"debug": 10}
_OUR_ENV = ("PATH", "TZ", "LANG", "LD_LIBRARY_PATH")


def find() -> str | None:
    """nginx's path, None where there is none."""
    return shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_ALSO)))


def unprivileged() -> tuple[str, str, int] | None:
    """User, group and gid for nginx's workers when we are root, else None (they run as us)."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            user = pwd.getpwnam(name)
            return name, grp.getgrgid(user.pw_gid).gr_name, user.pw_gid
        except KeyError:
            continue
    return None


def environment(listeners: Sequence[socket.socket]) -> dict[str, str]:
    """Nothing of ours but what it needs; NGINX names sockets that are open already (its own upgrade protocol)."""
    kept = {name: os.environ[name] for name in _OUR_ENV if name in os.environ}
    if not listeners:
        return kept
    return kept | {"NGINX": "".join(f"{listener.fileno()};" for listener in listeners)}


def version(binary: str) -> tuple[int, int, int]:
    """What `nginx -v` says; of one that says nothing we know, the oldest that we support. Raises `StartError`."""
    try:
        done = subprocess.run([binary, "-v"], env=environment(()), capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"{binary} does not run: {error}; MCP_EDGE=no goes without it") from error
    found = _VERSION.search(done.stderr)
    return (int(found[1]), int(found[2]), int(found[3])) if found else OLDEST


def edge_settings(
    known: Settings, variant: Variant, directory: Path, app_socket: str, listen: Sequence[tuple[str, int]], **more: Any
) -> EdgeSettings:
    """What our settings mean for nginx; `more`: other fields of `EdgeSettings`. Raises `StartError`."""
    user = unprivileged()
    try:
        return EdgeSettings(
            listen=tuple(listen),
            socket=app_socket,
            runtime=str(directory),
            max_body=known.max_body,
            variant=variant,
            connections=nginx_connections(limit()),
            user=user[:2] if user else None,
            prefixes=known.path_prefixes,
            decoys=known.decoy_prefixes,
            trusted=known.trusted_proxies,
            limit_ip=known.limit_ip,
            limit_key=known.limit_key,
            limit_tool=known.limit_tool or known.limit_key,
            limit_streams=known.limit_streams,
            access_log=access.isEnabledFor(logging.INFO),
            **more,
        )
    except ValueError as error:
        raise StartError(f"nginx cannot be configured: {error} (TMPDIR, MCP_HOST; MCP_EDGE=no goes without)") from error


def sources(variant: Variant) -> dict[str, str]:
    """Our templates and snippets, by their names."""
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in SOURCES[variant]}


def write(directory: Path, settings: EdgeSettings) -> None:
    """Fill in our sources and write them below `directory`, for our eyes alone: they hold the prefix."""
    for name, text in render(sources(settings.variant), settings).items():
        target = directory / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)


def command(binary: str, directory: Path) -> list[str]:
    """What runs nginx over what `write` wrote; more words may follow."""
    return [binary, "-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]


def configure(
    binary: str, directory: Path, app_socket: Path, listeners: Sequence[socket.socket], known: Settings
) -> list[str]:
    """Write our configuration and have nginx check it; returns the command. Raises `StartError`."""
    addresses = [(address[0], address[1]) for address in (listener.getsockname() for listener in listeners)]
    settings = edge_settings(
        known, "plain", directory, str(app_socket), addresses, version=version(binary), farewell=str(directory / SIGN)
    )
    write(directory, settings)
    words = command(binary, directory)
    check(words, listeners)
    return words


def relay(data: bytes) -> Iterator[tuple[int, str]]:
    """Level and text of each line of nginx's stderr, without the request line and headers that nginx quotes."""
    for line in data.splitlines():
        if found := _LINE.fullmatch(line[:_LONGEST_LINE]):
            text = _QUOTED.sub(b"", found["text"])
            yield _LEVELS.get(found["level"], logging.ERROR), text.decode("utf-8", "replace")
        elif line.strip():
            yield logging.WARNING, line[:_LONGEST_LINE].decode("utf-8", "replace")


def tells_of_a_cut(text: str) -> bool:
    """Whether a line of nginx says no more than that it ended while connections were open."""
    return "left in connection" in text or text == "aborting"


def check(words: list[str], listeners: Sequence[socket.socket]) -> None:
    """`nginx -t` over what was written. Raises `StartError` with nginx's own words."""
    command = [*words, "-t", "-q"]
    fds = [listener.fileno() for listener in listeners]
    try:
        done = subprocess.run(
            command, env=environment(listeners), pass_fds=fds, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"{command[0]} does not run: {error}; MCP_EDGE=no goes without it") from error
    if done.returncode:
        said = "; ".join(text for _, text in relay(done.stderr)) or f"exit code {done.returncode}"
        raise StartError(f"nginx refuses our configuration: {said}; MCP_EDGE=no goes without it")
