"""Whether the processes of one server use more than its `limits` allow, all of them together.

Reads /proc; ends nothing. Counted rather than set as limits of the kernel: RLIMIT_NPROC counts every process of the
user and not at all for root, and RLIMIT_AS counts what Node reserves and never touches.
"""

import os
from collections.abc import Iterable

from app.config.snapshot import Limits

# Looked at this often, seconds: what a server takes in between, it has.
INTERVAL = 0.5


def breach(limits: Limits, pids: Iterable[int]) -> str:
    """What is wrong with these processes, as the end of a sentence about the server; empty while nothing is."""
    found = list(pids)
    if limits.processes is not None and len(found) > limits.processes:
        return f"ran {len(found)} processes, over its limit of {limits.processes}, and was ended"
    if limits.memory is not None and (used := sum(map(resident, found))) > limits.memory:
        return f"used {used >> 20} MB of memory, over its limit of {limits.memory >> 20} MB, and was ended"
    return ""


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
