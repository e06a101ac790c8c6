"""How often an address may show a key that nobody knows: enough for every mistake, too seldom for guessing.

A token bucket per address in a table of fixed size. Only failures are counted, and who has a key is never asked: ten
people behind one address do not notice the eleventh who guesses (RELIABILITY.md B48).
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

AT_ONCE = 20
PER_SECOND = 20 / 60
MOST_ADDRESSES = 4096
"""Whoever comes from more takes the oldest entries' places, which are the fullest again."""


class Penalties:
    """`clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Penalties {len(self._left)} addresses>"

    def fail(self, address: str) -> float | None:
        """Note one failure. None while there may be more, else the seconds until the next may be."""
        where, now = _network(address), self._clock()
        left, since = self._left.pop(where, (float(AT_ONCE), now))
        left = min(AT_ONCE, left + (now - since) * PER_SECOND)
        wait = None if left >= 1 else (1 - left) / PER_SECOND
        # What is refused costs nothing: who goes on and on may try again as soon as who waits.
        self._left[where] = (left - 1 if wait is None else left, now)
        if len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        return wait


def _network(address: str) -> str:
    """An IPv6 customer has at least a /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if found.version == 4 or found.ipv4_mapped:
        return str(found)
    return found.exploded[:19]
