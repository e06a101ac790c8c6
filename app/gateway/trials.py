"""Edited servers on trial: what works takes its place, and the former self of what does not serves on.

Reads no file; `reload.py` says what was edited. Theory of operation: an edited server is started beside the one that
runs and takes over once it is READY. Where there may be but one (`pool: one`), they follow each other: calls wait while
the former one ends and the edited one starts, and if that fails the former entry is started again. What was rejected is
tried again when somebody asks, or when its former self fails.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from app.config.identity import identity
from app.config.snapshot import ServerSpec
from app.gateway.edits import Problem
from app.gateway.gateway import Gateway
from app.gateway.generation import Generation
from app.upstream.upstream import State, Upstream

log = logging.getLogger("app.reload")


class Candidate:
    """An edited server beside its former self. `spec` may still be tuned."""

    def __init__(self, spec: ServerSpec, upstream: Upstream) -> None:
        self.spec = spec
        self.upstream = upstream

    def __repr__(self) -> str:
        return f"<Candidate {self.upstream!r}>"


class Succession(msgspec.Struct, frozen=True):
    """An edited server that has followed its former self, of which `good` is the entry."""

    good: ServerSpec
    upstream: Upstream


class Rejection(msgspec.Struct, frozen=True):
    """What did not work, and its former self. `forget`: hear no more of that."""

    spec: ServerSpec
    former: Upstream
    forget: Callable[[], None]


class Trials:
    """All trials of one gateway. An edit is `begin`, a `place` for each edited server, the swap, `end`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._candidates: dict[str, Candidate] = {}
        self._successions: dict[str, Succession] = {}
        self._rejections: dict[str, Rejection] = {}
        self._tried: dict[str, Candidate] = {}
        self._known: dict[str, str] = {}
        self._again = False

    def __repr__(self) -> str:
        return f"<Trials {list(self._candidates.values())} {list(self._successions)} {list(self._rejections)}>"

    @property
    def pending(self) -> bool:
        """Whether the files say something else than what runs."""
        return bool(self._candidates or self._rejections)

    def begin(self, *, again: bool) -> None:
        """An edit is being applied. `again`: also try what was rejected, although it is the same."""
        self._again = again
        self._tried, self._candidates = self._candidates, {}
        self._known = {name: problem.identity for name, problem in self._gateway.edits.servers.items()}

    def place(self, spec: ServerSpec, former: Upstream) -> tuple[Upstream, ServerSpec]:
        """What serves an edited entry from the swap on, and by which entry."""
        known = self._known.get(spec.name) == identity(spec) and spec.replace != "always"
        if known and not self._again:
            return former, self._gateway.current.specs[spec.name]
        self._forgive(spec.name)
        if not known and not _guarded(former, spec):
            return self._provision(spec, former), spec
        if _alone(former.spec, spec):
            return self._follow(spec, former), spec
        self._try(spec)
        return former, self._gateway.current.specs[spec.name]

    def end(self, edited: set[str]) -> None:
        """The swap was made; `edited` are the names that had a `place`."""
        for name in list(self._rejections):
            if name not in edited:
                self._forgive(name)
        for candidate in self._tried.values():
            if candidate not in self._candidates.values():
                self._gateway.own(self._gateway.retire(candidate.upstream))
        self._tried = {}

    # One beside the other.

    def _try(self, spec: ServerSpec) -> None:
        candidate = self._tried.get(spec.name)
        if candidate is not None and identity(candidate.spec) == identity(spec):
            candidate.spec = spec
            candidate.upstream.retune(spec)
            self._candidates[spec.name] = candidate
        else:
            candidate = self._candidates[spec.name] = Candidate(spec, self._gateway.registry.provision(spec))
            self._gateway.own(self._judge(candidate))

    async def _judge(self, candidate: Candidate) -> None:
        """Wait for what becomes of a candidate, and put it in its place or drop it."""
        upstream, name = candidate.upstream, candidate.spec.name
        changed = asyncio.Event()
        remove = upstream.add_listener(lambda _: changed.set())
        try:
            while upstream.state is State.STARTING:
                changed.clear()
                await changed.wait()
        finally:
            remove()
        if self._candidates.get(name) is not candidate or self._gateway.drain.begun:
            return
        del self._candidates[name]
        if upstream.serving:
            self._swap_in(candidate.spec, upstream)
            log.info("the edited server %s has taken its place", name)
        else:
            self._reject(candidate.spec, upstream, self._gateway.current.upstreams[name])
            await self._gateway.registry.retire(upstream)

    # One after the other.

    def _follow(self, spec: ServerSpec, former: Upstream) -> Upstream:
        pending = self._successions.get(spec.name)
        good = pending.good if pending and pending.upstream is former else self._gateway.current.specs[spec.name]
        upstream = self._provision(spec, former)
        self._successions[spec.name] = Succession(good, upstream)
        upstream.add_listener(self._settle)
        return upstream

    def _settle(self, upstream: Upstream) -> None:
        """A successor has changed. Without an await: calls that wait for it must not be told that it failed."""
        name = upstream.spec.name
        succession = self._successions.get(name)
        if succession is None or succession.upstream is not upstream or upstream.state is State.STARTING:
            return
        del self._successions[name]
        if self._gateway.current.upstreams.get(name) is not upstream or self._gateway.drain.begun:
            return
        if upstream.serving:
            log.info("the edited server %s has taken its place", name)
            return
        back = self._provision(succession.good, upstream)
        self._reject(upstream.spec, upstream, back)
        self._swap_in(succession.good, back)

    def _provision(self, spec: ServerSpec, former: Upstream) -> Upstream:
        """Started anew; where it must wait for its former self to end, the tools of that stay listed meanwhile."""
        upstream = self._gateway.registry.provision(spec)
        if _alone(former.spec, spec) and former.catalog and not upstream.catalog:
            upstream.recall(former.catalog)
        return upstream

    # Rejected.

    def _reject(self, spec: ServerSpec, tried: Upstream, former: Upstream) -> None:
        problem = Problem(tried.reason or "It did not start.", identity=identity(spec))
        self._gateway.edits.servers[spec.name] = problem
        log.error("the edited server %s is rejected, the former one serves on: %s", spec.name, problem.reason)
        forget = former.add_listener(lambda one: self._note_failure(spec, one))
        self._rejections[spec.name] = Rejection(spec, former, forget)

    def _forgive(self, name: str) -> None:
        self._gateway.edits.servers.pop(name, None)
        rejection = self._rejections.pop(name, None)
        if rejection is not None:
            rejection.forget()

    def _note_failure(self, spec: ServerSpec, former: Upstream) -> None:
        # Where they follow each other, a trial costs what is left of the former: not for one crash.
        hopeless = former.state is State.FAILED
        if hopeless or (former.state is State.BACKOFF and not _alone(former.spec, spec)):
            self._gateway.own(self._retry(spec, former))

    async def _retry(self, spec: ServerSpec, former: Upstream) -> None:
        rejection = self._rejections.get(spec.name)
        current = self._gateway.current.upstreams.get(spec.name)
        if rejection is None or rejection.former is not former or current is not former or self._gateway.drain.begun:
            return
        self._forgive(spec.name)
        log.info("server %s failed: its edited form, rejected before, is tried again", spec.name)
        if _alone(former.spec, spec):
            self._swap_in(spec, self._follow(spec, former))
        else:
            self._try(spec)

    def _swap_in(self, spec: ServerSpec, upstream: Upstream) -> None:
        gateway, current = self._gateway, self._gateway.current
        servers = tuple(spec if one.name == spec.name else one for one in current.snapshot.servers)
        snapshot = msgspec.structs.replace(current.snapshot, servers=servers)
        former = current.upstreams[spec.name]
        gateway.swap(Generation(snapshot, current.keyring, {**current.upstreams, spec.name: upstream}))
        gateway.own(gateway.retire(former))


def _guarded(former: Upstream, spec: ServerSpec) -> bool:
    """Whether what runs is worth keeping until its edited form has shown that it works."""
    works = former.serving or former.state is State.STARTING
    return spec.replace != "always" and former.catalog is not None and works


def _alone(former: ServerSpec, spec: ServerSpec) -> bool:
    """Whether there may never be two of them at once."""
    return "one" in (former.pool, spec.pool)
