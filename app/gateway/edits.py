"""What could not be taken of the files that the gateway lives by: for health, until it is repaired.

Holds words and times, no file and no clock of its own; `reload.py` and `watch.py` write it.
"""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """Why something was not taken: public words. `since` is Unix time."""

    reason: str
    since: float = msgspec.field(default_factory=time.time)
    identity: str = ""
    """Of a rejected server: the same one is not tried again by itself."""

    def told(self) -> dict[str, str]:
        """As health has it."""
        return {"reason": self.reason, "since": datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds")}


class Edits:
    """`files`: by what they are ("config", "keys"); `stale`: mounts that show no edit; `servers`: edits kept out."""

    def __init__(self) -> None:
        self.files: dict[str, Problem] = {}
        self.stale: dict[str, Problem] = {}
        self.servers: dict[str, Problem] = {}

    def __repr__(self) -> str:
        return f"<Edits {len(self.files)} files {len(self.stale)} stale {len(self.servers)} servers>"

    @property
    def refused(self) -> bool:
        """Whether a file says something else than what runs."""
        return bool(self.files or self.stale)

    def told(self) -> dict[str, Any]:
        """The member `reload` of health. Its reasons name servers and lines: for those who see every server."""
        stale = {name: {"state": "stale", **problem.told()} for name, problem in self.stale.items()}
        return stale | {name: {"state": "rejected", **problem.told()} for name, problem in self.files.items()}

    def mark(self, details: dict[str, dict[str, Any]]) -> None:
        """Say in `server_details` whose edit was rejected."""
        for name in self.servers.keys() & details.keys():
            details[name]["rejected"] = self.servers[name].told()
