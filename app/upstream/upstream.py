"""One configured server as the rest of the gateway sees it: its state, its catalog, and a lease on a session.

Holds state and wakes who waits for it; opens and closes nothing (that is `supervisor.py`). The last good catalog stays
through every failure (DESIGN.md rule 8).
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from enum import Enum

import anyio
import msgspec

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Members, ServerCatalog
from app.upstream.errors import ProcessEnded, UpstreamError
from app.upstream.leases import Asker, Lease
from app.upstream.pool import Pool
from app.upstream.stderr_log import StderrLog
from app.upstream.watches import Watches

log = logging.getLogger("app.upstream")

EXITS_KEPT = 10
DETAIL_KEPT = 2000
# What is wrong with a server that cannot be listed (`mark`).
LISTING = "lists"
# Seconds between listings of a server whose lists are good for no time at all.
SHORTEST_LIFE = 5.0


class State(Enum):
    """STARTING: being opened and listed. READY: serves. DEGRADED: serves, but something is wrong with it. BACKOFF:
    failed, will be started again soon. FAILED: failed too often or for good, is tried once a minute. STOPPED: does not
    run, as wanted.
    """

    __hash__ = object.__hash__  # each list looks at the state of every server
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    BACKOFF = "backoff"
    FAILED = "failed"
    STOPPED = "stopped"


DOWN = frozenset({State.BACKOFF, State.FAILED})


class Exit(msgspec.Struct, frozen=True):
    """One end of the server. `at`: seconds since the epoch; `lived`: seconds of service; `code`: see `ProcessEnded`.

    `detail` may quote the server: for `doctor` alone.
    """

    at: float
    reason: str
    lived: float
    code: int | None = None
    detail: str = ""


class Upstream:
    """See the module. Listeners are called after each change of state or catalog, synchronously, with the upstream."""

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        """A reload replaces it where only what no live connection depends on has changed (`identity`)."""
        self.state = State.STARTING
        self.since = time.time()
        """When the state or its reason became what it is: seconds since the epoch."""
        self.fault: Fault | None = None
        """What is wrong, in public words; None while nothing is."""
        self.catalog: ServerCatalog | None = None
        self.version = 0
        """Raised at each change of the catalog."""
        self.resting = False
        """A lazy server that nobody needs: STOPPED until the next call."""
        self.exits: deque[Exit] = deque(maxlen=EXITS_KEPT)
        """The last ends of the server, oldest first."""
        self.wanted = anyio.Event()
        self.used_at = time.monotonic()
        self.watches = Watches(spec.name)
        """The resources that somebody wants to hear of."""
        self.stderr = StderrLog(spec.name, time.monotonic)
        self.stop_requested = anyio.Event()
        self.stopped = anyio.Event()
        self.relist_wanted = anyio.Event()
        self.listed_at = 0.0
        self.published_at = 0.0
        """When a whole listing came in last."""
        self.met_at = 0.0
        """When its last handshake was."""
        self._asked_at = 0.0
        self._pool: Pool | None = None
        self._marks: dict[str, Fault] = {}
        self._retry_at = 0.0
        self._patience: float | None = None
        self._changed = anyio.Event()
        self._listed = anyio.Event()
        # Many gateways that list one server, or one that lists many, do not do so at the same moment for ever.
        self._spread = 1.0
        self._announced: set[str] = set()
        self.on_unseen: Callable[[set[str]], None] | None = None
        """Hears of kinds of list that the server said have changed, and that are the same when they are listed."""
        self._listeners: list[Callable[[Upstream], None]] = []

    def __repr__(self) -> str:
        return f"<Upstream {self.spec.name} {self.state.value} version={self.version} {self._pool!r}>"

    @property
    def reason(self) -> str:
        """Why the server is not READY, in public words; empty while nothing is wrong."""
        return self.fault.message if self.fault else ""

    @property
    def capabilities(self) -> Members:
        return self.catalog.capabilities if self.catalog else {}

    @property
    def instructions(self) -> str:
        return self.catalog.instructions if self.catalog else ""

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        """The last lines a stdio server wrote on stderr, oldest first; for logs and `doctor` alone."""
        return self.stderr.tail

    @property
    def serving(self) -> bool:
        """Whether a call can be taken at once, or as soon as a resting server has started."""
        return self.state in {State.READY, State.DEGRADED} or self.resting

    @property
    def next_attempt(self) -> float | None:
        """Seconds until a server that is down is tried again; None while it is not down."""
        return max(0.0, self._retry_at - time.monotonic()) if self.state in DOWN else None

    def add_listener(self, listener: Callable[["Upstream"], None]) -> Callable[[], None]:
        """Returns what removes it again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def acquire_nowait(self, era: Era, key: str = "", asker: Asker | None = None) -> Lease | None:
        """A lease if one can be had at once. `key` names the client or session where the pool mode separates them.

        `asker`: the client, where it can be asked what the server wants to know.
        """
        if self.spec.lazy:
            self.used_at = time.monotonic()
        return self._pool.ready(era, key, asker) if self._pool else None

    async def acquire(self, era: Era, key: str = "", patience: float = 0.0, asker: Asker | None = None) -> Lease:
        """A lease, waiting while the server starts or a session opens. Raises `UpstreamError` naming the server.

        A server that is down is not waited for, unless its next attempt is due within `patience` seconds.
        """
        until = time.monotonic() + patience
        while True:
            self.used_at = time.monotonic()
            if self.resting:
                self.wanted.set()
            if self._pool:
                return await self._pool.acquire(era, key, asker)
            if self.state is not State.STARTING and not self.resting and not self._due_before(until):
                raise UpstreamError(self._unavailable())
            # A first start may take its time; after failures the odds are against it.
            limit = None if self.resting else self._patience
            if limit is not None:
                limit = max(limit, until - time.monotonic())
            with anyio.move_on_after(limit) as waiting:
                await self._changed.wait()
            if waiting.cancelled_caught:
                raise UpstreamError(self._unavailable())

    def roots_changed(self, owner: str) -> None:
        """The folders of a client (`Asker.owner`) are others now."""
        if self._pool:
            self._pool.roots_changed(owner)

    def _due_before(self, until: float) -> bool:
        return self.state in DOWN and self._retry_at < until

    @property
    def unlisted(self) -> bool:
        """Whether a first catalog may still come: the server is starting and nobody knows what it has."""
        return self.catalog is None and self.state is State.STARTING

    def patience(self, seconds: float) -> float:
        """What is left of `seconds` since somebody first asked for the catalog.

        So a server that hangs in its start delays the lists that are asked for first, and none that comes later.
        """
        now = time.monotonic()
        self._asked_at = self._asked_at or now
        return max(0.0, self._asked_at + seconds - now)

    async def wait_listed(self, timeout: float) -> bool:
        """Wait for a first catalog, at most `timeout` seconds and only while the server starts; whether it is there."""
        with anyio.move_on_after(timeout):
            while self.unlisted:
                await self._changed.wait()
        return self.catalog is not None

    def announce(self, kind: str) -> None:
        """The server says that a kind of list has changed ("": any may have): it is listed again."""
        if kind:
            self._announced.add(kind)
        self.relist_wanted.set()

    async def relisted(self, timeout: float) -> None:
        """List the server again now and wait until that is done, at most `timeout` seconds."""
        self.relist_wanted.set()
        with anyio.move_on_after(timeout):
            await self._listed.wait()

    def refresh_if_older_than(self, seconds: float) -> None:
        """For remote servers, which may have no change feed: list again in the background what was listed long ago.

        A server that says for how long its lists are good is taken at its word instead.
        """
        hints = self.catalog.hints if self.catalog else {}
        lives = [hint.ttl for method, hint in hints.items() if method.endswith("/list")]
        if lives:
            seconds = max(SHORTEST_LIFE, min(lives) / 1000)
        if self.spec.remote and self._pool and self._aged(seconds * self._spread):
            self.listed_at = time.monotonic()
            self._spread = 1 + random.random() / 4  # noqa: S311 (no secret)
            self.relist_wanted.set()

    def _aged(self, seconds: float) -> bool:
        """Whether it was listed longer ago; one whose last listing failed is listed again by itself."""
        return LISTING not in self._marks and time.monotonic() - self.listed_at > seconds

    def retune(self, spec: ServerSpec) -> None:
        """A reload changed what no live connection depends on (`identity`): from here on the server is used so."""
        self.spec = spec
        if self.resting and not spec.lazy:
            self.wanted.set()

    # For the supervisor.

    def enter(
        self,
        state: State,
        fault: Fault | None = None,
        *,
        pool: Pool | None = None,
        retry_in: float = 0.0,
        patience: float | None = None,
    ) -> None:
        """Change state; every change is one line in the log.

        `retry_in`: seconds until a server that is down is tried again. `patience`: how long calls wait for this start.
        """
        if state is State.READY and self._marks:
            state, fault = State.DEGRADED, next(iter(self._marks.values()))
        self.state, self.since, self.fault, self._pool = state, time.time(), fault, pool
        self.resting = False
        self._retry_at = time.monotonic() + retry_in
        self._patience = patience
        level = logging.INFO if state in {State.STARTING, State.READY, State.STOPPED} else logging.WARNING
        reason = f" reason={fault.message!r}" if fault else ""
        again = f" retry_in={retry_in:.1f}s" if retry_in else ""
        log.log(level, "server=%s state=%s%s%s", self.spec.name, state.value, reason, again)
        self._tell()

    def rest(self) -> None:
        """A lazy server is needed no more: it stops, and the next call starts it."""
        self.wanted = anyio.Event()
        self.enter(State.STOPPED)
        self.resting = True

    def mark(self, topic: str, fault: Fault | None) -> None:
        """Something about a server that serves is wrong, or (None) is not any more: it is DEGRADED while any is."""
        if fault == self._marks.get(topic):
            return
        self._marks.pop(topic, None)
        if fault:
            self._marks[topic] = fault
        if self._pool:
            self.enter(State.READY, pool=self._pool)

    def note_exit(self, fault: Fault, lived: float, detail: str = "") -> None:
        """Keep how the server ended."""
        code = fault.code if isinstance(fault, ProcessEnded) else None
        self.exits.append(Exit(time.time(), fault.message, round(lived, 1), code, detail[:DETAIL_KEPT]))

    def detach(self) -> None:
        """The sessions are ending: no lease from here on, and who asks for one waits for what follows."""
        if self._pool:
            self._pool = None
            self.state = State.STARTING

    def recall(self, catalog: ServerCatalog) -> None:
        """List what the server had in a former life of the gateway, until it says itself."""
        self.catalog = catalog
        self.version += 1

    def publish(self, catalog: ServerCatalog) -> bool:
        """A whole listing came in: it replaces the catalog, and the version rises. False if nothing differs.

        What the server announced is told then too: it may have changed and changed back, or where no list shows it.
        """
        self.listed_at = self.published_at = time.monotonic()
        listed, self._listed = self._listed, anyio.Event()
        listed.set()
        announced, self._announced = self._announced, set()
        if self.catalog is not None and msgspec.json.encode(catalog) == msgspec.json.encode(self.catalog):
            if announced and self.on_unseen:
                self.on_unseen(announced)
            return False
        self.catalog = catalog
        self.version += 1
        self._tell()
        return True

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        for listener in list(self._listeners):
            listener(self)

    def _unavailable(self) -> Fault:
        name = self.spec.name
        if self.state is State.STOPPED:
            return Fault(Kind.CLOSED, f"Server '{name}' was stopped.", server=name)
        due = self.next_attempt
        why = self.reason or f"Server '{name}' is not ready."
        when = "It is being started again." if due is None else f"It is tried again in {max(1, round(due))} s."
        wait = round(1.0 if due is None else due, 1)
        return Fault(Kind.UNREACHABLE, f"{why} {when}", server=name, retry_after=wait, unsent=True)
