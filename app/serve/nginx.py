"""nginx on this machine: where it is, our configuration for it, what it says. Stdlib only, as the launcher is.

No system service and no file of the system's nginx is touched; its files and sockets are in our runtime directory.
"""

import grp
import logging
import os
import pwd
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.edge.render import SOURCES, render
from app.edge.settings import EdgeSettings
from app.serve.errors import StartError

log = logging.getLogger("nginx")

ROOT = Path(__file__).resolve().parents[2] / "nginx"
MISSING = (
    "nginx is not on this machine: serving without it, so slow clients and half-sent requests are not timed out; "
    "install nginx, or set MCP_EDGE=no to silence this"
)
# Debian keeps nginx where a user's PATH does not look.
_ALSO = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_UNPRIVILEGED = ("www-data", "nginx", "nobody")
_MOST_CONNECTIONS = 16384
_LONGEST_LINE = 4096
_LINE = re.compile(rb"(?:\S+ \S+ |nginx: )?\[(?P<level>[a-z]+)\] (?:\d+#\d+: )?(?P<text>.*)", re.DOTALL)
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
    return kept | {"NGINX": "".join(f"{listener.fileno()};" for listener in listeners)}


def configure(
    binary: str, directory: Path, app_socket: Path, listeners: Sequence[socket.socket], max_body: int
) -> list[str]:
    """Write our configuration and have nginx check it; returns the command. Raises `StartError`."""
    user = unprivileged()
    try:
        settings = EdgeSettings(
            listen=tuple((address[0], address[1]) for address in (listener.getsockname() for listener in listeners)),
            socket=str(app_socket),
            runtime=str(directory),
            max_body=max_body,
            connections=_connections(),
            user=user[:2] if user else None,
        )
    except ValueError as error:
        raise StartError(f"nginx cannot be configured: {error} (TMPDIR, MCP_HOST; MCP_EDGE=no goes without)") from error
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in SOURCES}
    for name, text in render(sources, settings).items():
        target = directory / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    command = [binary, "-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]
    _check([*command, "-t", "-q"], listeners)
    return [*command, "-g", "daemon off;"]


def relay(data: bytes) -> Iterator[tuple[int, str]]:
    """Level and text of each line of nginx's stderr."""
    for line in data.splitlines():
        if found := _LINE.fullmatch(line[:_LONGEST_LINE]):
            yield _LEVELS.get(found["level"], logging.ERROR), found["text"].decode("utf-8", "replace")
        elif line.strip():
            yield logging.WARNING, line[:_LONGEST_LINE].decode("utf-8", "replace")


def tells_of_a_cut(text: str) -> bool:
    """Whether a line of nginx says no more than that it ended while connections were open."""
    return "left in connection" in text or text == "aborting"


def _connections() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(_MOST_CONNECTIONS, max(soft - 64, 64) if soft > 0 else _MOST_CONNECTIONS)


def _check(command: list[str], listeners: Sequence[socket.socket]) -> None:
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
