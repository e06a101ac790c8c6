"""Everything between the environment and running programs: settings, sockets, nginx's configuration. Stdlib only."""

import logging
import os
import socket
import stat
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from app.config.programs import search_path
from app.config.settings import Settings, SettingsError, load_settings, parse_dotenv, secrets_of, unreadable
from app.serve import logs, nginx, sockets
from app.serve.errors import StartError
from app.serve.handover import APP, EDGE_SOCKET, Handover
from app.serve.home import usable_home
from app.serve.nginx_program import NginxProgram
from app.serve.program import Program

log = logging.getLogger("app.serve")

CONFIGS = ("mcp_config.json", "config/mcp_config.json")
CONTROL_SOCKET = "control.sock"
# The package's own directory's parent: `-m app.serve…` must find it whatever the working directory is.
_ROOT = str(Path(__file__).resolve().parents[2])


def read_settings() -> tuple[Settings, dict[str, str]]:
    """As `read_environment`, for who serves: with a config and a key, and a home that can be written. `StartError`."""
    settings, env = read_environment()
    if problems := [*_missing_config(settings), *_missing_keys(settings)]:
        raise StartError(*problems)
    change, warning = usable_home(env)
    if warning:
        log.warning(warning)
    return settings, env | change


def read_environment() -> tuple[Settings, dict[str, str]]:
    """The settings, and the environment they came from, `.env` included. Logging works after this. `StartError`."""
    env = {**_dotenv(), **os.environ}
    try:
        settings, warnings = load_settings(env, terminal=os.isatty(2))
    except SettingsError as error:
        raise StartError(*error.problems) from error
    logs.configure(settings.log_level, settings.log_levels, settings.log_format)
    logs.hide(secrets_of(settings, env))
    for warning in warnings:
        log.warning(warning)
    return settings, env


class Start:
    """What the launcher runs; a context, at whose end sockets and the runtime directory are gone."""

    def __init__(self, settings: Settings, env: Mapping[str, str], app: str | None = None) -> None:
        """Opens, writes and checks everything, and starts nothing. Raises `StartError`."""
        self._settings = settings
        self._open: list[socket.socket] = []
        with ExitStack() as undo:
            undo.callback(self.refuse)
            outside = env.get(EDGE_SOCKET, "").strip()
            if outside:
                outside = os.path.abspath(outside)
                workers = nginx.unprivileged()
                group = workers[2] if workers else None
                self._clients = self._listening(sockets.listen_unix(Path(outside), 0o660, group))
            else:
                self._clients = self._listening(*sockets.listen_tcp(settings.host, settings.port))
            binary = None if outside else self._nginx_binary()
            user = nginx.unprivileged() if binary else None
            runtime = sockets.RuntimeDir(user[2] if user else None)
            undo.callback(runtime.remove)
            edge = runtime.path / "app.sock"
            served = self._clients
            if binary:
                mode, group = (0o660, user[2]) if user else (0o600, None)
                served = self._listening(sockets.listen_unix(edge, mode, group))
            control = self._listen_control()
            handover = Handover(
                fds=tuple(listener.fileno() for listener in (*served, *control)),
                app=app or APP,
                edge_socket=str(edge) if binary else outside,
                started=time.monotonic(),
                control_socket=str(control[0].getsockname()) if control else "",
            )
            self.app = self._arbiter(env, handover)
            self.nginx = self._edge(binary, runtime.path, edge) if binary else None
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        where = ", ".join(map(_shown, (listener.getsockname() for listener in self._clients)))
        log.info("serving on %s%s", where, " through nginx" if self.nginx else "")
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def refuse(self) -> None:
        """Give up our side of the sockets: once those who serve close theirs, nobody can connect."""
        sockets.close(self._open)

    def _listening(self, *opened: socket.socket) -> list[socket.socket]:
        self._open += opened
        return list(opened)

    def _nginx_binary(self) -> str | None:
        if self._settings.edge == "no":
            return None
        binary = nginx.find()
        if binary is None and self._settings.edge == "yes":
            raise StartError("MCP_EDGE=yes, but nginx is not on this machine: install it, or set MCP_EDGE=no")
        if binary is None:
            log.warning(nginx.MISSING)
        return binary

    def _listen_control(self) -> list[socket.socket]:
        path = Path(self._settings.data_dir).absolute() / CONTROL_SOCKET
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._listening(sockets.listen_unix(path, 0o600))
        except (OSError, StartError) as error:
            log.warning("no control socket (MCP_DATA_DIR), so `tools` and `call` need MCP_ENDPOINT: %s", error)
            if not os.access(path.parent, os.W_OK):
                log.warning("MCP_DATA_DIR=%s cannot be written: what servers list is not kept for the next start",
                            self._settings.data_dir)  # fmt: skip
            return []

    def _arbiter(self, env: Mapping[str, str], handover: Handover) -> Program:
        paths = [_ROOT, *filter(None, [env.get("PYTHONPATH")])]
        return Program(
            "gunicorn",
            [sys.executable, "-m", "app.serve.gunicorn_arbiter"],
            {
                **env,
                **handover.to_env(),
                "PATH": search_path(env.get("PATH"), sys.prefix),
                "PYTHONPATH": os.pathsep.join(paths),
            },
            handover.fds,
        )

    def _edge(self, binary: str, directory: Path, app_socket: Path) -> NginxProgram:
        words = nginx.configure(binary, directory, app_socket, self._clients, self._settings)
        fds = [listener.fileno() for listener in self._clients]
        return NginxProgram(words, directory, nginx.environment(self._clients), fds)


def _shown(address: str | tuple[str, int]) -> str:
    if isinstance(address, str):
        return address
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def _dotenv() -> dict[str, str]:
    try:
        return parse_dotenv(Path(".env").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StartError(unreadable(error)) from error


def _missing_config(settings: Settings) -> list[str]:
    paths = CONFIGS if settings.config_path is None else (settings.config_path,)
    for path in paths:
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                return []
        except PermissionError:
            return [f"{path}: we run as uid {os.geteuid()} and may not read it: give it, or its directory, to that uid"]
        except OSError:
            continue
    if settings.config_path is not None:
        return [f"there is no config file {settings.config_path}: set MCP_CONFIG_PATH to yours"]
    return [f"no config file: neither {' nor '.join(CONFIGS)} is here; make one, or set MCP_CONFIG_PATH"]


def _missing_keys(settings: Settings) -> list[str]:
    if settings.api_keys or settings.disable_auth != "no":
        return []
    how = "make one with `python -m app keys new`"
    if settings.api_keys_path and not os.path.isfile(settings.api_keys_path):
        return [f"there is no keys file {settings.api_keys_path}: {how}, or set MCP_API_KEYS_PATH to yours"]
    if os.path.isfile(settings.keys_file):
        return []
    others = "MCP_API_KEYS (key:client,…) or MCP_API_KEYS_PATH; MCP_DISABLE_AUTH=true serves this machine without"
    return [f"no API key: {how}, or set {others}"]
