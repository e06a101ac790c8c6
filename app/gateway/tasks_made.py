"""Which tasks each client has made at legacy servers. Names alone: how a task stands is its server's to say.

No I/O. A server sees one gateway, so its own list of tasks would show everybody's (2025-11-25, "Task Isolation").
"""

from collections import OrderedDict

# The oldest is forgotten first: for the list alone, a task can still be asked for by its id.
PER_CLIENT = 1000


class TasksMade:
    """Server and the server's own id, by client, in the order in which they were first met."""

    def __init__(self) -> None:
        self._made: dict[str, OrderedDict[tuple[str, str], int]] = {}
        self._count = 0

    def __repr__(self) -> str:
        return f"<TasksMade {sum(map(len, self._made.values()))} of {len(self._made)} clients>"

    def note(self, client: str, server: str, theirs: str) -> None:
        """The client has this task."""
        made = self._made.setdefault(client, OrderedDict())
        if (server, theirs) not in made:
            self._count += 1
            made[server, theirs] = self._count
            if len(made) > PER_CLIENT:
                made.popitem(last=False)

    def forget(self, client: str, server: str, theirs: str) -> None:
        """There is no such task any more."""
        made = self._made.get(client)
        if made is not None:
            made.pop((server, theirs), None)
            if not made:
                del self._made[client]

    def after(self, client: str, number: int) -> list[tuple[int, str, str]]:
        """The client's tasks with a number above this one, in order: number, server, its id."""
        made = self._made.get(client) or OrderedDict[tuple[str, str], int]()
        return [(at, server, theirs) for (server, theirs), at in made.items() if at > number]
