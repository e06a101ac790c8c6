"""Legacy sessions: who opened them, which revision they speak, what runs in them.

No I/O and no clock of its own. A session id is a name, never a credential: it is looked up under its principal, so
another's id is simply unknown (PROTOCOL.md section 6; RELIABILITY.md B51).
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable

from app.gateway.asked import Asked
from app.gateway.inbox import Inbox
from app.gateway.journal import Budget, Journals
from app.gateway.subscription import End, Subscription
from app.relay.answerable import NONE
from app.relay.events import Cancelled, Noticed

IDLE_SECONDS = 30 * 60.0
# How long an open stream alone keeps one.
STREAM_SECONDS = 24 * 3600.0
PER_PRINCIPAL = 1000
# 256 bits, and the shard that owns it in front (DESIGN.md section 8).
SHARD = "w0-"
_ID_BYTES = 32
# The one legacy revision whose streams can be read on after they broke, and the one that has batches.
RESUMABLE = "2025-11-25"
BATCHING = "2025-03-26"


class Session:
    """One legacy session, and the calls that run in it by the client's own JSON-RPC id, for cancellation.

    `on_end` is set while its stream is open, and ends that when the session ends (`stream_over` is set then); `owed`
    are called once it has, and give back what was held for it. Where its revision can resume streams, `journals` are
    those, and `kept` is what its own one listens to while the client has lost it. `hears` is what listens for it,
    `subscribed` the resources it wants to hear of, each with its server; `log_level` the one its client set, if any.
    """

    __slots__ = (
        "_running", "asked", "capabilities", "client_id", "hears", "id", "journals", "kept", "last_used", "log_level",
        "on_end", "over", "owed", "stream_over", "subscribed", "version",
    )  # fmt: skip

    def __init__(self, session_id: str, client_id: str, version: str, now: float) -> None:
        self.id = session_id
        self.client_id = client_id
        self.version = version
        self.last_used = now
        self.capabilities = NONE
        """What its client can be asked: the object of capabilities that it declared, of those that are questions."""
        self.asked = Asked()
        self.on_end: Callable[[End], None] | None = None
        self.stream_over = asyncio.Event()
        self.kept: Subscription | None = None
        self.hears: Subscription | None = None
        self.subscribed: dict[str, str] = {}
        self.over = False
        self.log_level: int | None = None
        self.owed: list[Callable[[], None]] = []
        self.journals: Journals | None = None
        self._running: dict[bytes, list[Inbox]] = {}

    def __repr__(self) -> str:
        return f"<Session {self.client_id} {self.version} {len(self._running)} running>"

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def expired(self, now: float) -> bool:
        """Whether nothing has used it for too long."""
        limit = IDLE_SECONDS if self.on_end is None else STREAM_SECONDS
        return now - self.last_used > limit and not self.busy

    def end(self) -> None:
        """It is forgotten: its stream ends too."""
        self.over = True
        self.asked.end()
        if self.on_end is not None:
            self.on_end(End.SESSION)
        if self.kept is not None:
            self.kept.end(End.SESSION)
        if self.journals is not None:
            self.journals.close()
        owed, self.owed = self.owed, []
        for give_back in owed:
            give_back()

    def updated(self, server: str, uri: str) -> None:
        """A resource has changed; told to nobody where no stream is open, or about to be opened again."""
        if self.hears is not None:
            self.hears.updated(server, uri)

    def say(self, server: str, notice: Noticed) -> None:
        """Something of `server` that is this client's alone; lost where no stream is open, or about to be again."""
        if self.hears is not None:
            self.hears.say(server, notice)

    def runs(self, inbox: Inbox) -> bool:
        """Whether the call with this inbox is under way."""
        return any(inbox in calls for calls in self._running.values())

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
        self._budget = Budget()
        self._sessions: dict[str, OrderedDict[str, Session]] = {}
        self._implicit: dict[str, Session] = {}

    def __len__(self) -> int:
        return sum(len(owned) for owned in self._sessions.values())

    def __repr__(self) -> str:
        return f"<SessionTable {len(self)} sessions of {len(self._sessions)} principals>"

    def agree(self, session: Session, version: str) -> None:
        """The revision that the handshake of `session` ended with."""
        session.version = version
        if version == RESUMABLE and session.journals is None:
            session.journals = Journals(self._budget, self._clock)

    def open(self, client_id: str, version: str) -> Session:
        """A new session. Past the limit the principal's oldest idle one goes; if none is idle, the oldest."""
        now = self._clock()
        owned = self._sessions.setdefault(client_id, OrderedDict())
        self._expire(owned, now)
        if len(owned) >= PER_PRINCIPAL:
            idle = (session for session in owned.values() if not session.busy and session.on_end is None)
            oldest = next(idle, next(iter(owned.values())))
            owned.pop(oldest.id).end()
        session = Session(SHARD + secrets.token_urlsafe(_ID_BYTES), client_id, version, now)
        self.agree(session, version)
        owned[session.id] = session
        return session

    def find(self, client_id: str, session_id: str) -> Session | None:
        """The principal's session of that id, marked as used now; None when it is unknown, expired or another's."""
        owned = self._sessions.get(client_id)
        session = owned.get(session_id) if owned else None
        if owned is None or session is None:
            return None
        now = self._clock()
        if session.expired(now):
            owned.pop(session_id).end()
            return None
        session.last_used = now
        owned.move_to_end(session_id)
        return session

    def rested(self, session: Session) -> None:
        """A call in it is over, or its stream: it is idle from now on, however long that took."""
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
        session = self._sessions.get(client_id, OrderedDict()).pop(session_id, None)
        if session is not None:
            session.end()
        return session is not None

    def end(self, clients: Iterable[str]) -> None:
        """End all sessions of these principals: their keys are gone."""
        for client_id in clients:
            for session in self._sessions.pop(client_id, OrderedDict()).values():
                session.end()
            self._implicit.pop(client_id, None)

    def expire(self) -> None:
        """Forget what has been idle too long. To be called now and then."""
        now = self._clock()
        for client_id in list(self._sessions):
            self._expire(self._sessions[client_id], now)
            for session in self._sessions[client_id].values():
                if session.journals is not None:
                    session.journals.prune()
            if not self._sessions[client_id]:
                del self._sessions[client_id]

    def _expire(self, owned: OrderedDict[str, Session], now: float) -> None:
        for session in list(owned.values()):
            if now - session.last_used <= IDLE_SECONDS:
                return  # least recently used first: the rest is younger
            if session.expired(now):
                owned.pop(session.id).end()
