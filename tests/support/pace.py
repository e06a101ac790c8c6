"""What a promise in seconds means on this machine, now.

A promise is made for a machine of two cores that has nothing else to do. Where it is missed, the machine itself is
measured, and if that is slow by a factor the promise is longer by it: what is tried is the gateway, not its neighbours.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

# A piece of work like ours, processes and modules, and the seconds it takes on that machine.
PROBE = [sys.executable, "-I", "-S", "-c", "import asyncio"]
QUIET = 0.1
ROUNDS = 7


def slowness() -> float:
    """How many times longer this machine takes now; 1 at least."""
    return max(1.0, statistics.median(_probed() for _ in range(ROUNDS)) / QUIET)


def kept(took: float, promised: float) -> bool:
    """Whether what took so many seconds kept a promise of so many."""
    return took < promised or took < promised * slowness()


@contextmanager
def within(promised: float) -> Iterator[None]:
    """Fails when the block takes longer than promised. What waits in it has patience of its own, and more of it."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert kept(took, promised), f"{took:.2f} s, promised were {promised} s"


def _probed() -> float:
    began = time.monotonic()
    subprocess.run(PROBE, check=True)
    return time.monotonic() - began
