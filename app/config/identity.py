"""What makes two configured servers the same server: the part of a spec that a live connection depends on.

Pure. Names, filters, prefixes and timeouts are left out: changing one keeps the connection.
"""

import hashlib

import msgspec

from app.config.snapshot import ServerSpec

_DEPENDS_ON = ("kind", "command", "args", "env", "cwd", "url", "headers", "pool", "roots", "era")
# Raised when the meaning of a hashed member changes, so that what was kept by hash is asked for again.
_EDITION = 1


def fingerprint(spec: ServerSpec) -> str:
    """16 hex digits, equal where nothing of the entry differs: `plan` compares what runs with a file by it."""
    return hashlib.sha256(msgspec.json.encode(spec, order="deterministic")).hexdigest()[:16]


def identity(spec: ServerSpec) -> str:
    """64 hex digits, equal exactly where process or remote endpoint, credentials and session contract are equal."""
    members = [_EDITION, *((key, getattr(spec, key)) for key in _DEPENDS_ON)]
    return hashlib.sha256(msgspec.json.encode(members, order="deterministic")).hexdigest()
