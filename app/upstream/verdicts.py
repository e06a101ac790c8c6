"""Which eras a remote server was found to speak, kept over restarts so that it is probed once.

A cache in the data directory: losing it costs a probe, so an unwritable directory or a spoilt file means no state and a
line in the log, never a failure. One JSON file, keyed by the hash of the server's config entry, replaced atomically.
"""

import logging
import os
import tempfile
from pathlib import Path

import msgspec

from app.protocol.versions import Era

log = logging.getLogger("app.upstream")

FILE_NAME = "verdicts.json"
# Entries of servers that left the config go when the file is full, oldest first.
KEPT = 500


class Verdict(msgspec.Struct, frozen=True):
    """`first`: the era that worked. `other`: whether the other does too, None for untried. `sse`: it is HTTP+SSE."""

    first: Era
    other: bool | None = None
    sse: bool = False


class Verdicts:
    """`directory` None keeps nothing beyond this process."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / FILE_NAME if directory else None
        self._known = self._read()

    def get(self, identity: str) -> Verdict | None:
        return self._known.get(identity)

    def put(self, identity: str, verdict: Verdict | None) -> None:
        """Remember, or forget with None. Writes at once and only on a change."""
        if self._known.get(identity) == verdict:
            return
        self._known.pop(identity, None)
        if verdict:
            self._known[identity] = verdict
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        self._write()

    def _read(self) -> dict[str, Verdict]:
        if self._path is None:
            return {}
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Verdict])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            log.info("era verdicts could not be read and are found again: %s", error)
            return {}

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=".verdicts-", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(self._known))
                Path(temporary).replace(self._path)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            log.warning("era verdicts are not kept: %s", error)
            self._path = None
