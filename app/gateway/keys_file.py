"""Writing the API keys file: whole or not at all, readable by its owner alone (INTERFACE, "API keys file").

Stores digests of the keys it makes, never the keys. One writer at a time, by a lock on the directory; the file is
replaced by a rename, so that a reader finds the old text or the new one.
"""

import errno
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from app.config.key_format import ENTROPY, hashed, key_id, new_key
from app.config.load import load
from app.config.snapshot import Notice
from app.config.tree import Array, Document, Node, Scalar

Entries = dict[str, Any]


class KeysFileError(Exception):
    """The file cannot be read or written; the text says why and what to do."""


def add_key(path: Path, client: str, *, scopes: Sequence[str] = ("*",), expires_at: str | None = None) -> str:
    """Makes a key for `client` and stores its digest; out comes the key, which nobody can show again.

    `expires_at` is RFC 3339. The caller has checked all three. Raises `KeysFileError`.
    """
    key = new_key(secrets.token_bytes(ENTROPY))
    entry: Entries = {"client_id": client, "scopes": list(scopes)}
    if expires_at is not None:
        entry["expires_at"] = expires_at
    entry["id"] = key_id(key)
    entry["created_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with editing(path) as entries:
        entries[hashed(key)] = entry
    return key


@contextmanager
def editing(path: Path) -> Generator[Entries]:
    """The file's entries to change in place (none, if there is no file); written when the block ends, if they changed.

    Directories are made as needed. Comments in the file are lost. Raises `KeysFileError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KeysFileError(_cannot("write", path.parent, error)) from error
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        entries = _entries(path)
        before = json.dumps(entries)
        yield entries
        if json.dumps(entries) == before:
            return
        try:
            _replace(path, json.dumps(entries, indent=2, ensure_ascii=False) + "\n", directory)
        except OSError as error:
            raise KeysFileError(_cannot("write", path, error)) from error
    finally:
        os.close(directory)


def _entries(path: Path) -> Entries:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysFileError(_cannot("read", path, error)) from error
    if not data.strip():
        return {}
    document = load(data, str(path))
    if isinstance(document, Notice):
        raise KeysFileError(f"{document.where}: {document.message}: mend the file first")
    names = [member.key for member in document.root.members]
    if len(set(names)) < len(names):
        raise KeysFileError(f"{path}: the same key is there twice: mend the file first")
    return cast(Entries, _plain(document))


def _plain(node: Node | Document) -> object:
    match node:
        case Document():
            return _plain(node.root)
        case Scalar():
            return node.value
        case Array():
            return [_plain(item) for item in node.items]
        case _:
            return {member.key: _plain(member.node) for member in node.members}


def _replace(path: Path, text: str, directory: int) -> None:
    target = path.resolve() if path.is_symlink() else path
    owner = target.stat() if target.exists() else target.parent.stat()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if os.geteuid() == 0:
                # root in a container makes keys for the user who serves.
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    os.fsync(directory)


def _cannot(do: str, path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{path}: we run as uid {os.geteuid()} and may not {do} it"
    if error.errno == errno.EBUSY:
        # A rename onto a bind mount.
        return f"{path}: it is mounted as a single file and cannot be replaced: mount its directory"
    return f"{path}: cannot {do} it: {error.strerror or error}"
