"""The listening sockets and the private directory they live in. Stdlib only.

The launcher opens them once and keeps them: whoever serves may die and come again, and no client is refused.
"""

import errno
import fcntl
import os
import shutil
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from app.serve.errors import StartError

BACKLOG = 2048
# A client that takes nothing for so many seconds is cut by the kernel; nobody else can, with unsent bytes on the way.
STALLED = 55.0
# sun_path of a unix address holds 108 bytes, the closing NUL among them.
LONGEST_PATH = 107
_PREFIX = "mcp-proxy-"
_WHY = {
    errno.EADDRINUSE: "it is in use: set MCP_PORT to a free one, or stop what listens there",
    errno.EACCES: "this user may not: set MCP_PORT to 1024 or more",
    errno.EADDRNOTAVAIL: "this machine has no such address: set MCP_HOST to one it has, or to 0.0.0.0 for all",
}


def listen_tcp(host: str, port: int) -> list[socket.socket]:
    """One listening socket for each address that `host` names. Raises `StartError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"MCP_HOST={host} names no address of this machine: {error.strerror}") from error
    sockets: list[socket.socket] = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1000))
        if family == socket.AF_INET6:
            # `::` means everybody; an address with a name to it, itself alone.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            # A name with an address this machine lacks (`localhost` without IPv6) is served by its others.
            if error.errno == errno.EADDRNOTAVAIL and len(found) > 1:
                continue
            close(sockets)
            why = _WHY.get(error.errno or 0, error.strerror)
            raise StartError(f"cannot listen on {host}:{port} (MCP_HOST, MCP_PORT): {why}") from error
        sockets.append(listener)
    if not sockets:
        raise StartError(f"cannot listen on {host}:{port} (MCP_HOST, MCP_PORT): {_WHY[errno.EADDRNOTAVAIL]}")
    return sockets


def listen_unix(path: Path, mode: int, group: int | None = None) -> socket.socket:
    """A listening socket at `path`, replacing one nobody listens on. Raises `StartError`."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise StartError(f"{path} is too long for a socket: {LONGEST_PATH} bytes at most")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o777 & ~mode)
    try:
        if _is_served(path):
            raise StartError(f"another gateway serves {path}: give this one a directory of its own (MCP_DATA_DIR)")
        with suppress(FileNotFoundError):
            path.unlink()
        listener.bind(str(path))
        if group is not None:
            os.chown(path, -1, group)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {path}: {error.strerror}") from error
    except StartError:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def close(sockets: list[socket.socket]) -> None:
    """Close them, and take the paths of unix ones away."""
    for listener in sockets:
        if listener.fileno() < 0:
            continue
        name = listener.getsockname()
        if isinstance(name, str):
            with suppress(OSError):
                os.unlink(name)
        listener.close()


class RuntimeDir:
    """A directory of our own for sockets, generated configs and nginx's temporary files; gone when we are.

    What a killed launcher left behind is taken away by the next start: a lock tells the living from the dead.
    """

    def __init__(self, group: int | None = None) -> None:
        """`group` (root only): who besides us may pass through: nginx's workers."""
        # Short, whatever TMPDIR says: socket paths must fit.
        base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108 - 0700, own name
        _sweep(Path(base))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        if group is not None:
            os.chown(self.path, -1, group)
            self.path.chmod(0o710)

    def __repr__(self) -> str:
        return f"<RuntimeDir {self.path}>"

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _is_served(path: Path) -> bool:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StartError(f"{path} is in the way: it is not a socket; move it")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def _sweep(base: Path) -> None:
    for left in base.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.geteuid() or left.is_symlink():
                continue
            lock = os.open(left / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
