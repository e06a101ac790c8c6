"""The last good catalog of each server, in the data directory: what is listed from the first moment after a restart.

A cache: losing it costs that a server's tools appear only once it runs, so an unwritable directory or a spoilt file
means no state and a line in the log, never a failure. One file a server, `catalogs/NAME.json`, replaced atomically; it
counts only for the same config entry, by its hash.
"""

import logging
import os
import tempfile
from pathlib import Path

import msgspec

from app.relay.catalog import ServerCatalog

log = logging.getLogger("app.upstream")

DIRECTORY = "catalogs"
LARGEST = 32 * 1024 * 1024
# Files of servers that left the config go when there are more, the oldest first.
KEPT = 500


class _Kept(msgspec.Struct, frozen=True):
    identity: str
    catalog: ServerCatalog


class Catalogs:
    """`directory` None keeps nothing. Methods block on the disk: `put` is for a thread."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory / DIRECTORY if directory else None

    def __repr__(self) -> str:
        return f"<Catalogs {self._directory}>"

    def get(self, name: str, identity: str) -> ServerCatalog | None:
        """What the server of this cleaned name listed last, if its config entry is still the one it was."""
        if self._directory is None:
            return None
        try:
            with (self._directory / f"{name}.json").open("rb") as file:
                data = file.read(LARGEST + 1)
            kept = msgspec.json.decode(data, type=_Kept) if len(data) <= LARGEST else None
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.info("server=%s its kept catalog could not be read: %s", name, error)
            return None
        return kept.catalog if kept and kept.identity == identity else None

    def put(self, name: str, identity: str, catalog: ServerCatalog) -> None:
        """Replace what is kept. Items keep their bytes."""
        if self._directory is None:
            return
        data = msgspec.json.encode(_Kept(identity, catalog))
        if len(data) > LARGEST:
            log.warning("server=%s its catalog is over %d MB and is not kept", name, LARGEST >> 20)
            return
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._write(self._directory / f"{name}.json", data)
            self._make_room(self._directory)
        except OSError as error:
            log.warning("server=%s its catalog is not kept: %s", name, error)

    def _write(self, path: Path, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=".catalog-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _make_room(self, directory: Path) -> None:
        with os.scandir(directory) as found:
            files = [(entry.stat().st_mtime, entry.path) for entry in found]
        for _, path in sorted(files)[: max(0, len(files) - KEPT)]:
            Path(path).unlink(missing_ok=True)
