"""Where the environment, the config and the keys are read from: the files, their default places, their permissions.

The I/O around the pure ring `config`; used by serving and by the commands alike, so that `check` sees what `serve` sees
(INTERFACE, Environment). May not decide what a file means.
"""

import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from app.config.compile import read_snapshot
from app.config.identity import identity
from app.config.keyring import Keyring
from app.config.keys import read_keyring
from app.config.settings import Settings, SettingsError, load_settings, parse_dotenv
from app.config.snapshot import Notice, ServerSpec, Snapshot
from app.relay.catalog import ServerCatalog
from app.upstream.catalogs import Catalogs

CONFIG_PATHS = ("mcp_config.json", "config/mcp_config.json")
_DOTENV = ".env"
# A config of megabytes is a wrong file: a log, an image, a device.
_LARGEST = 16 * 1024 * 1024


class SourceError(Exception):
    """What stops the start, as notices (all of them errors); printed one line each by `str`."""

    def __init__(self, *notices: Notice) -> None:
        super().__init__("\n".join(to_line(notice) for notice in notices))
        self.notices = notices


def to_line(notice: Notice) -> str:
    """`file:line: path: what is wrong (what was probably meant)`, without the parts that are empty."""
    text = ": ".join(part for part in (notice.where, notice.path, notice.message) if part)
    return f"{text} ({notice.hint})" if notice.hint else text


def read_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment over the `.env` file of the working directory. Raises `SourceError` when that cannot be read."""
    try:
        text = _read(Path(_DOTENV)).decode()
        return {**parse_dotenv(text), **environ}
    except FileNotFoundError:
        return dict(environ)
    except UnicodeDecodeError:
        raise SourceError(_problem(_DOTENV, "not UTF-8", "save the file as UTF-8")) from None
    except OSError as error:
        raise SourceError(_unreadable(_DOTENV, error)) from error
    except ValueError as error:
        raise SourceError(_problem("", str(error))) from error


def read_settings(environ: Mapping[str, str], *, terminal: bool) -> tuple[Settings, tuple[str, ...]]:
    """Settings and warnings from `read_environ`'s mapping. Raises `SourceError`."""
    try:
        return load_settings(environ, terminal=terminal)
    except SettingsError as error:
        raise SourceError(*(_problem("", problem) for problem in error.problems)) from error


def find_config(path: str | None) -> Path:
    """The config file: `path` (MCP_CONFIG_PATH) if given, else the first default that exists. Raises `SourceError`."""
    if path:
        return Path(path)
    for default in map(Path, CONFIG_PATHS):
        if default.exists():
            return default
    looked = " and ".join(CONFIG_PATHS)
    raise SourceError(_problem("", f"no config: looked for {looked}", "create one, or set MCP_CONFIG_PATH"))


def read_config(settings: Settings, environ: Mapping[str, str]) -> Snapshot:
    """The compiled config. Raises `SourceError` when there is no readable JSON; all else is in the snapshot."""
    path = find_config(settings.config_path)
    try:
        data = _read(path)
    except OSError as error:
        raise SourceError(_unreadable(str(path), error)) from error
    snapshot = read_snapshot(data, str(path), environ)
    if isinstance(snapshot, Notice):
        raise SourceError(snapshot)
    return snapshot


def read_keys(
    settings: Settings, *, now: float | None = None, there: bool = False
) -> tuple[Keyring, tuple[Notice, ...]]:
    """Every key, and warnings. An absent default keys file is no keys; a named one must be there.

    `there`: so must the default one, which has been read before. `now` is Unix time, by default the clock's. Raises
    `SourceError` with every error in the variable and the file.
    """
    path = Path(settings.keys_file)
    warnings: list[Notice] = []
    try:
        data = _read(path)
        if path.stat().st_mode & stat.S_IROTH:
            warnings.append(Notice(str(path), "", "everyone on this machine can read the keys", f"chmod 600 {path}"))
    except FileNotFoundError as error:
        if settings.api_keys_path or there:
            raise SourceError(_unreadable(str(path), error)) from error
        data = None
    except OSError as error:
        raise SourceError(_unreadable(str(path), error)) from error
    read = read_keyring(settings.api_keys, data, str(path), time.time() if now is None else now)
    if read.errors:
        raise SourceError(*read.errors)
    return read.keyring, (*warnings, *read.notices)


def _read(path: Path) -> bytes:
    with open(path, "rb", opener=open_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "not a regular file")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise OSError(None, f"larger than {_LARGEST >> 20} MB")
    return data


def open_without_waiting(path: str, flags: int) -> int:
    """For `open`: who serves never waits for the other end of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _unreadable(path: str, error: OSError) -> Notice:
    if isinstance(error, PermissionError):
        uid = os.geteuid()
        return _problem(path, f"we run as uid {uid} and may not read it", f"chown {uid} {path}, or chmod")
    if isinstance(error, FileNotFoundError):
        return _problem(path, "there is no such file")
    if isinstance(error, IsADirectoryError):
        return _problem(path, "is a directory", "Docker makes one where the file to mount does not exist")
    return _problem(path, f"cannot be read: {error.strerror or error}")


def _problem(where: str, message: str, hint: str = "") -> Notice:
    return Notice(where, "", message, hint, error=True)


def listed_last(settings: Settings, spec: ServerSpec) -> ServerCatalog | None:
    """What a server of this very entry listed last, here or in a former run; None where nobody knows."""
    return Catalogs(Path(settings.data_dir)).get(spec.name, identity(spec))
