"""A number that every process inherits from the start of its server, however it is forked, detached or renamed.

It stands in a soft limit of the kernel: the size of POSIX message queues, from which a few bytes are taken, other ones
for each start. An environment variable would do the same, but a child's environment is a contract with users, and a
program may clear or overwrite its own. Linux alone has what this needs; elsewhere there are no marks.
"""

import resource
from collections.abc import Generator
from contextlib import contextmanager, suppress

# As many starts as bytes are taken at most; then they begin anew.
_ROOM = 400_000
_UNLIMITED = 1 << 40


class Marks:
    """The marks of one program's children. A mark is positive; None stands for none."""

    def __init__(self) -> None:
        soft = _soft_limit(0)
        self._base = _UNLIMITED if soft == resource.RLIM_INFINITY else soft
        self._issued = 0

    def __repr__(self) -> str:
        return f"<Marks {self._issued} issued>"

    def next(self) -> int | None:
        """A mark for one start; None where the kernel leaves no room for any."""
        if self._base is None or self._base <= _ROOM:
            return None
        self._issued = self._issued % _ROOM + 1
        return self._base - self._issued

    def issued(self, mark: int | None) -> bool:
        """Whether it may be a mark of ours, and not the limit that everybody has."""
        return mark is not None and self._base is not None and self._base - _ROOM <= mark < self._base

    def of(self, pid: int) -> int | None:
        """The mark of a process; whatever its limit is where it has none."""
        return _soft_limit(pid)


@contextmanager
def marking(mark: int | None) -> Generator[None]:
    """What is started within has this mark from its first moment. Nothing else may be started meanwhile."""
    if mark is None:
        yield
        return
    former = resource.getrlimit(resource.RLIMIT_MSGQUEUE)
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (mark, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, former)


def _soft_limit(pid: int) -> int | None:
    """Bytes; None for a process that is gone or is not for us to look at."""
    with suppress(AttributeError, OSError, ValueError):
        return resource.prlimit(pid, resource.RLIMIT_MSGQUEUE)[0]
    return None
