"""Seals what a client carries for us, so that only we can read or make it: ChaCha20-Poly1305 under one key.

The key lives in the data directory, so that a state is good after a restart and in every worker; where nothing can be
written it is this process's own. It is never logged. Meaning is `relay.continuation`'s.
"""

import logging
import os
import secrets
import tempfile
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

log = logging.getLogger("app.gateway")

KEY_FILE = "state.key"
KEY_BYTES = 32
NONCE_BYTES = 12


class Sealing:
    """`seal` and `unseal` under `key`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "<Sealing>"

    @cached_property
    def _cipher(self) -> "ChaCha20Poly1305":
        # Loaded when the first server asks something: it is slow to import, and most gateways never need it.
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        return ChaCha20Poly1305(self._key)

    def seal(self, plain: bytes, binding: bytes) -> str:
        """A text that `unseal` opens with the same `binding` alone; another one each time."""
        return self._sealed(secrets.token_bytes(NONCE_BYTES), plain, binding)

    def seal_name(self, plain: bytes, binding: bytes) -> str:
        """As `seal`, and the same text each time, so that it can stand for a name: the nonce is a keyed digest."""
        digest = blake2b(key=self._key, digest_size=NONCE_BYTES, person=b"sealed names")
        digest.update(b"%d %b%b" % (len(binding), binding, plain))
        return self._sealed(digest.digest(), plain, binding)

    def _sealed(self, nonce: bytes, plain: bytes, binding: bytes) -> str:
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, binding)).rstrip(b"=").decode()

    def unseal(self, sealed: str, binding: bytes) -> bytes | None:
        """What was sealed; None when `sealed` is not ours to the last character, or bound to something else."""
        from cryptography.exceptions import InvalidTag

        try:
            data = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            # The decoder skips foreign characters and the bits after the last byte: one state has one spelling.
            if urlsafe_b64encode(data).rstrip(b"=").decode() != sealed:
                return None
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], binding)
        except (ValueError, InvalidTag):  # no base64, too short, or altered
            return None


def state_key(directory: Path | None) -> bytes:
    """The key in `directory`, made if there is none; one for this process alone where it cannot be kept."""
    if directory is not None:
        path = directory / KEY_FILE
        try:
            key = _kept(path)
        except OSError as error:
            log.warning("%s cannot be used (%s): questions of servers do not survive a restart", path, error.strerror)
        else:
            if len(key) == KEY_BYTES:
                return key
            log.warning("%s is damaged: remove it, and the next start makes another one", path)
    return secrets.token_bytes(KEY_BYTES)


def _kept(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    return path.read_bytes()


def _make(path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # readable by us alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another worker was faster, and its key is everybody's
            os.link(name, path)
    finally:
        Path(name).unlink()
