"""Who hears what a server says of a thing that goes on after the call that began it was answered.

Sends nothing. Tasks, and addresses that a person was sent to (2025-11-25), outlive their call; what a server says of
them names no call but the id that it gave them itself. So ids are kept per session of a server: whoever was given one
in it hears of it, and nobody else does.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from app.protocol.jsonrpc import members_of, text_of
from app.relay.listen import COMPLETED, TASK_STATUS
from app.relay.notices import PROGRESS
from app.relay.tasks import TERMINAL

NAMED_BY = {COMPLETED: "elicitationId", TASK_STATUS: "taskId"}
# What nobody hears the end of is forgotten, the oldest first.
MAX_IDS = 256
# How long a session that nobody uses is kept for what may be said of these: as long as a question waits.
WORTH_WAITING = 600.0

Hears = Callable[[msgspec.Raw], None]


class Awaited:
    """Of one session of a server. `owner` names who hears: once each."""

    def __init__(self) -> None:
        self._hearers: OrderedDict[tuple[str, str], dict[str, Hears]] = OrderedDict()
        self._until = 0.0

    def __repr__(self) -> str:
        return f"<Awaited {len(self._hearers)} ids>"

    @property
    def waits(self) -> bool:
        """Whether the session is worth keeping for what is still to be said in it."""
        return bool(self._hearers) and time.monotonic() < self._until

    def expect(self, method: str, ident: str, owner: str, hears: Hears) -> None:
        """From here on `hears` is told the params of notifications of `method` about that id, until the last one."""
        self._until = time.monotonic() + WORTH_WAITING
        self._hearers.setdefault((method, ident), {})[owner] = hears
        if len(self._hearers) > MAX_IDS:
            self._hearers.popitem(last=False)

    def forget(self, method: str, ident: str, owner: str) -> None:
        """`owner` wants to hear no more of it."""
        hearers = self._hearers.get((method, ident), {})
        hearers.pop(owner, None)
        if not hearers:
            self._hearers.pop((method, ident), None)

    def progressed(self, request_id: int, params: msgspec.Raw) -> None:
        """Progress of a request that has been answered: of the task that its answer was."""
        for hears in dict(self._hearers.get((PROGRESS, str(request_id)), {})).values():
            hears(params)

    def take(self, method: str, params: msgspec.Raw) -> None:
        """One notification, told to who awaits it."""
        members = members_of(params) or {}
        ident = text_of(members.get(NAMED_BY[method]))
        hearers = dict(self._hearers.get((method, ident or ""), {}))
        if method == COMPLETED or text_of(members.get("status")) in TERMINAL:
            self._hearers.pop((method, ident or ""), None)
        for hears in hearers.values():
            hears(params)
