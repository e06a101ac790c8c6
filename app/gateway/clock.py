"""The clock of one call: how long its server may say nothing, how long it may take, and when its client is to be shown
that it lives.

Decides nothing: it puts signals into the call's inbox, and the driver says what they mean.
"""

import asyncio
from collections.abc import Callable
from math import inf

from app.gateway.inbox import Signal

# Until a client that takes streams gets one, and between the comments that keep it open: below the idle limits of
# proxies in the path (60 s nginx, 100 s Cloudflare; RELIABILITY.md, timeout ladder). Not put off by what is passed on:
# whether any of it reaches the client is the client's side to know.
COMMIT_AFTER = 5.0
# Until a call is one that lasts.
SETTLE = 0.02
HEARTBEAT = 15.0


class CallClock:
    """Counts from when it is made. `limits` are seconds: without a sign of life, and in all."""

    __slots__ = ("_end_at", "_loop", "_put", "_quiet_at", "_silence", "_silent_at", "_timer")

    def __init__(self, put: Callable[[Signal], None], limits: tuple[float, float]) -> None:
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._silence, total = limits
        now = self._loop.time()
        self._silent_at, self._end_at, self._quiet_at = now + self._silence, now + total, now + COMMIT_AFTER

    def __repr__(self) -> str:
        return f"<CallClock {self._silent_at - self._loop.time():.1f} s>"

    def restart(self, seconds: float = 0.0) -> None:
        """A sign of life: silence is counted from now on, up to `seconds` where they are not the server's."""
        self._silent_at = self._loop.time() + (seconds or self._silence)

    def away(self) -> None:
        """There is no client to be shown anything."""
        self._quiet_at = inf

    def back(self) -> None:
        """The client came back, and has been told nothing yet."""
        self._quiet_at = self._loop.time() + COMMIT_AFTER

    def begin(self) -> None:
        """Say once that the call lasts, and from then on what is due."""
        self.stop()
        self._timer = self._loop.call_later(SETTLE, self._settle)

    def _settle(self) -> None:
        self._put(Signal.SETTLED)
        self.run()

    def run(self) -> None:
        """Signal what is due, now and from now on."""
        now = self._loop.time()
        if now >= min(self._silent_at, self._end_at):
            self._put(Signal.OVERDUE)
            return
        if now >= self._quiet_at:
            self._quiet_at = now + HEARTBEAT
            self._put(Signal.QUIET)
        self._timer = self._loop.call_at(min(self._silent_at, self._end_at, self._quiet_at), self.run)

    def stop(self) -> None:
        """No signal follows, until `run`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
