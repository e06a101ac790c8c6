"""Questions that arrive within a moment are asked together, of a client that has to come back with the answers.

Holds no exchange: the driver asks what an arrival means by now.
"""

import asyncio

import msgspec

from app.gateway.inbox import Arrival, Inbox, Signal
from app.relay.events import Event, NeedsInput, Question, Withdrawn

MOMENT = 0.03


class Gathering:
    """Of one call. `inbox` is where the moment's end is announced."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._gathered: dict[str, msgspec.Raw] = {}

    def __repr__(self) -> str:
        return f"<Gathering {len(self._gathered)}>"

    def given_up(self) -> list[str]:
        """The keys of what was gathered and will not be asked."""
        gathered, self._gathered = self._gathered, {}
        return list(gathered)

    def event(self, arrival: Arrival, *, gathers: bool) -> Event | None:
        """What an arrival means for the exchange; None for nothing yet. `gathers`: whether questions are held back."""
        if arrival is Signal.GATHERED:
            gathered, self._gathered = self._gathered, {}
            return NeedsInput(Question(gathered)) if gathered else None
        if isinstance(arrival, Signal):
            return None
        if isinstance(arrival, Withdrawn):
            self._gathered.pop(arrival.key, None)
        if not gathers or not isinstance(arrival, NeedsInput) or arrival.question.result is not None:
            return arrival
        if not self._gathered:
            asyncio.get_running_loop().call_later(MOMENT, self._inbox.put, Signal.GATHERED)
        self._gathered |= arrival.question.requests
        return None
