"""Notices that a watched file says something else than before, whatever way it was edited, and asks for a reload.

Decides by content alone. Theory of operation: the directories that hold the files are watched unfiltered, so that
renames and symlink swaps are seen (a watched file is lost at its first rename); every `POLL` seconds the contents are
compared anyway, which finds what no kernel event tells: mounts, links into other directories, a watch that could not
be set up. A file is read when it has been quiet for `DEBOUNCE`, at the latest `LONGEST` after the first sign.
"""

import asyncio
import logging
import os
import stat
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path

from app.gateway.sources import open_without_waiting

log = logging.getLogger("app.reload")

# With what follows it below the 2 s within which a revoked key has to be refused, whatever the kernel tells.
POLL = 1.5
DEBOUNCE = 0.2
# Ten reloads of a file that is written without a pause for so many seconds are its bound.
LONGEST = 0.8
_LARGEST = 16 * 1024 * 1024
STALE = (
    "{path} is a mounted file that was replaced outside: what is here is the former one for ever. "
    "Restart the container, and mount the directory instead of the file"
)

ALONE = (
    "{path} is mounted by itself: edits in place arrive, edits by rename (most editors, sed -i, git) never will. "
    "Mount the directory instead"
)
_MOUNTS = Path("/proc/self/mountinfo")


class Bell:
    """Rung from a signal handler's loop callback; heard by who waits. Rings in between are one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Bell {'rung' if self._rung.is_set() else 'silent'}>"

    def ring(self) -> None:
        """Idempotent until it is heard. Must be called on the loop."""
        self._rung.set()

    async def heard(self) -> None:
        """Returns once it has been rung since the last time."""
        await self._rung.wait()
        self._rung.clear()


HANGUP = Bell()
"""The process's own: SIGHUP rings it."""


class Watch:
    """`files` by what they are. `changed` is told the names of those with another content; `stale` each dead mount."""

    def __init__(
        self, files: Mapping[str, Path], changed: Callable[[set[str]], None], stale: Callable[[str, str], None]
    ) -> None:
        self._files = dict(files)
        self._changed = changed
        self._stale = stale
        self._told_stale: set[str] = set()
        self._stirred = asyncio.Event()
        self._known = self._contents()

    def __repr__(self) -> str:
        return f"<Watch {' '.join(map(str, self._files.values()))}>"

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for directory in {path.parent for path in self._files.values()}:
                tasks.create_task(self._listen(directory))
            while True:
                try:
                    async with asyncio.timeout(POLL):
                        await self._stirred.wait()
                except TimeoutError:
                    pass
                self._stirred.clear()
                await self._look()

    async def _look(self) -> None:
        found = self._contents()
        if found == self._known:
            return
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST
        while loop.time() < latest:
            await asyncio.sleep(DEBOUNCE)
            last, found = found, self._contents()
            if last == found:
                break
        different = {name for name in self._files if found[name] != self._known[name]}
        self._known = found
        if different:
            self._changed(different)

    def _contents(self) -> dict[str, bytes]:
        """A digest for each file; for one that cannot be read, why."""
        return {name: self._digest(name, path) for name, path in self._files.items()}

    def _digest(self, name: str, path: Path) -> bytes:
        try:
            with open(path, "rb", opener=open_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return b"no file"
                content = file.read(_LARGEST + 1)
                gone = not status.st_nlink and not os.stat(path).st_nlink
        except OSError as error:
            return str(error.errno).encode()
        # Deleted, and still under its path: only a mount of the file itself shows that.
        if gone and name not in self._told_stale:
            self._told_stale.add(name)
            self._stale(name, STALE.format(path=path))
        return blake2b(content).digest()

    async def _listen(self, directory: Path) -> None:
        """Kernel events for what is in `directory`; without them the poll alone finds edits."""
        # Imported where it is needed: who does not watch does without its memory.
        from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType] - a type of trio's in it

        try:
            async for _ in awatch(directory, watch_filter=None, recursive=False, debounce=50, step=25):
                self._stirred.set()
        except (OSError, RuntimeError) as error:
            # A directory that is not there, or no inotify (its limits).
            log.warning("edits in %s are looked for every %g s: it cannot be watched (%s)", directory, POLL, error)


def mounted_alone(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether this very file is a mount, so that what is renamed over it outside stays outside."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    # The kernel writes blanks and backslashes of a path as octal numbers.
    points = {line.split()[4].replace("\\040", " ").replace("\\134", "\\") for line in lines}
    return os.path.realpath(path) in points
