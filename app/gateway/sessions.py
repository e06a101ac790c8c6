"""Legacy sessions: who opened them, which revision they speak, what runs in them.

No I/O and no clock of its own. A session id is a name, never a credential: it is looked up under its principal, so
another's id is simply unknown (PROTOCOL.md section 6; RELIABILITY.md B51).
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable

from app.gateway.inbox import Inbox
from app.relay.events import Cancelled

IDLE_SECONDS = 30 * 60.0
PER_PRINCIPAL = 1000
# 256 bits, and the shard that owns it in front (DESIGN.md section 8).
SHARD = "w0-"
_ID_BYTES = 32


class Session:
    """One legacy session, and the calls that run in it by the client's own JSON-RPC id, for cancellation."""

    __slots__ = ("_running", "client_id", "id", "last_used", "version")

    def __init__(self, session_id: str, client_id: str, version: str, now: float) -> None:
        self.id = session_id
        self.client_id = client_id
        self.version = version
        self.last_used = now
        self._running: dict[bytes, list[Inbox]] = {}

    def __repr__(self) -> str:
        return f"<Session {self.client_id} {self.version} {len(self._running)} running>"

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def started(self, request_id: bytes, inbox: Inbox) -> None:
        """A call runs; `ended` must follow."""
        self._running.setdefault(request_id, []).append(inbox)

    def ended(self, request_id: bytes, inbox: Inbox) -> None:
        """The call is over."""
        calls = self._running.get(request_id, [])
        if inbox in calls:
            calls.remove(inbox)
        if not calls:
            self._running.pop(request_id, None)

    def cancel(self, request_id: bytes, reason: str) -> None:
        """Cancel the call of that id; in a nameless session two clients can use one id, and then neither is meant."""
        calls = self._running.get(request_id, [])
        if len(calls) == 1:
            calls[0].put(Cancelled(reason))


class SessionTable:
    """All legacy sessions of this shard, per principal and least recently used first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[str, OrderedDict[str, Session]] = {}
        self._implicit: dict[str, Session] = {}

    def __len__(self) -> int:
        return sum(len(owned) for owned in self._sessions.values())

    def __repr__(self) -> str:
        return f"<SessionTable {len(self)} sessions of {len(self._sessions)} principals>"

    def open(self, client_id: str, version: str) -> Session:
        """A new session. Past the limit the principal's oldest idle one goes; if none is idle, the oldest."""
        now = self._clock()
        owned = self._sessions.setdefault(client_id, OrderedDict())
        self._expire(owned, now)
        if len(owned) >= PER_PRINCIPAL:
            oldest = next((session for session in owned.values() if not session.busy), next(iter(owned.values())))
            del owned[oldest.id]
        session = Session(SHARD + secrets.token_urlsafe(_ID_BYTES), client_id, version, now)
        owned[session.id] = session
        return session

    def find(self, client_id: str, session_id: str) -> Session | None:
        """The principal's session of that id, marked as used now; None when it is unknown, expired or another's."""
        owned = self._sessions.get(client_id)
        session = owned.get(session_id) if owned else None
        if owned is None or session is None:
            return None
        now = self._clock()
        if now - session.last_used > IDLE_SECONDS and not session.busy:
            del owned[session_id]
            return None
        session.last_used = now
        owned.move_to_end(session_id)
        return session

    def rested(self, session: Session) -> None:
        """A call in it is over: it is idle from now on, however long that took."""
        owned = self._sessions.get(session.client_id)
        if owned is not None and session.id in owned:
            session.last_used = self._clock()
            owned.move_to_end(session.id)

    def implicit(self, client_id: str, version: str) -> Session:
        """What stands for a session where a client sends no id: one per principal, never expiring, without a name."""
        session = self._implicit.get(client_id)
        if session is None:
            session = self._implicit[client_id] = Session("", client_id, version, self._clock())
        return session

    def close(self, client_id: str, session_id: str) -> bool:
        """End a session; False when there is none of that id for this principal. Its calls run on unheard."""
        return self._sessions.get(client_id, OrderedDict()).pop(session_id, None) is not None

    def expire(self) -> None:
        """Forget what has been idle too long. To be called now and then."""
        now = self._clock()
        for client_id in list(self._sessions):
            self._expire(self._sessions[client_id], now)
            if not self._sessions[client_id]:
                del self._sessions[client_id]

    def _expire(self, owned: OrderedDict[str, Session], now: float) -> None:
        for session in list(owned.values()):
            if now - session.last_used <= IDLE_SECONDS:
                return  # least recently used first: the rest is younger
            if not session.busy:
                del owned[session.id]
