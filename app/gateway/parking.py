"""Calls that wait while their modern clients find an answer: kept by a name that only the sealed state tells.

A parked call costs a lease and a few bytes, at most `MOST` for each client, and ends by its own clock. Theory of
operation: `claim` hands a call to the retry that names its present round, once; one that ended meanwhile stays, with
what it ended with, until the state expires (PROTOCOL.md section 8, parking).
"""

import asyncio
import secrets

import msgspec

from app.gateway.driver import Driver
from app.relay.continuation import LIFETIME

MOST = 32


class _Place(msgspec.Struct):
    """One parked call. `number` is the round whose answer it waits for; 0: none."""

    client: str
    driver: Driver
    number: int = 0
    forgets: asyncio.TimerHandle | None = None


class Parking:
    """All parked calls of this process. `lifetime`: seconds until one is given up."""

    def __init__(self, lifetime: float = LIFETIME) -> None:
        self._places: dict[str, _Place] = {}
        self._lifetime = lifetime

    def __repr__(self) -> str:
        return f"<Parking {len(self._places)} calls>"

    def __len__(self) -> int:
        return len(self._places)

    def has_room(self, client: str) -> bool:
        """Whether this client may have one more call waiting."""
        return sum(place.client == client for place in self._places.values()) < MOST

    def park(self, name: str, driver: Driver, number: int) -> str:
        """Keep a call until its round `number` is answered; its name, a new one where it has none yet."""
        name = name or secrets.token_urlsafe(18)
        place = self._places.setdefault(name, _Place(driver.client, driver))
        place.number = number
        if place.forgets is not None:
            place.forgets.cancel()
        place.forgets = asyncio.get_running_loop().call_later(self._lifetime, self.forget, name)
        return name

    def forget(self, name: str) -> None:
        """Nobody comes back for it any more."""
        place = self._places.pop(name, None)
        if place is not None and place.forgets is not None:
            place.forgets.cancel()

    def claim(self, name: str, number: int) -> Driver | None:
        """The call, for who answers its round `number`; None when it is not there or was answered already."""
        place = self._places.get(name)
        if place is None or place.number != number or number < 1:
            return None
        place.number = 0
        if place.driver.kept is not None:
            self.forget(name)
        return place.driver
