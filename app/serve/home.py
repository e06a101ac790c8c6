"""A home that can be written: npm and uv keep there what they download, and servers their own files. Stdlib only.

In the image it is a directory of the data volume, so that servers start fast the second time. Where that is mounted
with another owner, or HOME is nobody's for another reason, one in the temporary directory does, so that they start at
all.
"""

import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def usable_home(env: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What to change in the environment of the servers (nothing, mostly), and a warning, empty without a change."""
    home = env.get("HOME", "")
    if not home or _is_ours(Path(home)):
        return {}, ""
    instead = _temporary()
    return {"HOME": str(instead)}, (
        f"HOME={home} cannot be written by uid {os.geteuid()}: npm and uv keep what they download in {instead}, "
        "and servers start slowly again when that is gone; give the directory to that user"
    )


def _is_ours(home: Path) -> bool:
    with suppress(OSError):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A read-only mount, too, says no, and a parent that we may not enter.
    return os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """The same one at every start, for what is in it; never one that somebody else has put there."""
    path = Path(tempfile.gettempdir(), f"gateway-home-{os.geteuid()}")
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
        return path
    return Path(tempfile.mkdtemp(prefix="gateway-home-"))
