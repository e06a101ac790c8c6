"""When a server that ended is started again: the numbers of supervision, apart from the task that keeps them.

No I/O; clock and jitter are arguments. Theory of operation: delays double from 0.5 to 30 s; 10 s of health forget all
failures; five starts within 10 s trip the circuit, and so does what no repetition mends (refused credentials, a command
that is not there). A tripped server is tried once a minute, and one such try that fails trips it again (half-open).
"""

from collections import deque
from collections.abc import Callable

import msgspec

from app.protocol.faults import Fault
from app.upstream.errors import HttpRefusal, SessionLost

FIRST = 0.5
LAST = 30.0
HEALTHY_AFTER = 10.0
# As systemd's StartLimitBurst and StartLimitIntervalSec.
BURST = 5
BURST_SECONDS = 10.0
PROBE = 60.0
# What a server may ask for by `Retry-After`; http_faults bounds it too.
LONGEST_WAIT = 300.0


class Pause(msgspec.Struct, frozen=True):
    """Seconds until the next start, and whether the circuit is open (FAILED) or it is a matter of time (BACKOFF)."""

    seconds: float
    failed: bool = False


class Backoff:
    """One server's record of starts. Call `started` before each, `ended` after each."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._starts: deque[float] = deque(maxlen=BURST)
        self.failures = 0
        """Consecutive ends without 10 s of health before."""
        self.tripped = False

    def __repr__(self) -> str:
        return f"<Backoff failures={self.failures}{' tripped' if self.tripped else ''}>"

    def started(self) -> None:
        """A start begins now."""
        self._starts.append(self._clock())

    def ended(self, fault: Fault, healthy_for: float, *, hopeless: bool = False) -> Pause:
        """What follows an end: `healthy_for` seconds of READY came before it, `hopeless` is what time does not mend."""
        if healthy_for >= HEALTHY_AFTER:
            self.failures, self.tripped = 0, False
            self._starts.clear()
        else:
            self.failures += 1
        wanted = min(fault.retry_after or 0.0, LONGEST_WAIT)
        if hopeless or self._refused(fault) or self._too_often():
            self.tripped = True
            return Pause(max(self._spread(PROBE), wanted), failed=True)
        if not self.failures or (self.failures == 1 and isinstance(fault, SessionLost)):
            # A lost session is an end that the server meant well: the next one is a request away.
            return Pause(wanted)
        return Pause(max(self.delay(self.failures), wanted))

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return self._spread(min(LAST, FIRST * 2 ** min(failures - 1, 10)))

    def _spread(self, seconds: float) -> float:
        return seconds * (1 + self._jitter() / 4)

    def _refused(self, fault: Fault) -> bool:
        return isinstance(fault, HttpRefusal) and fault.status in {401, 403}

    def _too_often(self) -> bool:
        burst = len(self._starts) == BURST and self._starts[-1] - self._starts[0] <= BURST_SECONDS
        return bool(self.failures) and (self.tripped or burst)
