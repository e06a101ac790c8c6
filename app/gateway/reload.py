"""Applies edited config and keys to a gateway that serves: make before break (DESIGN.md rule 7).

The boundary of reload: whatever is wrong with a file, the last good generation serves on. Theory of operation: load,
compile, plan, provision, one swap, then what is gone drains. That much happens without an await, so that two edits
cannot mix. An edited server that works now is a candidate first: its former self serves until the new one is READY,
and for good if that one fails (`"replace": "always"` opts out).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from app.config.identity import identity
from app.config.keys import Keyring
from app.config.masking import secrets_of
from app.config.plan import Plan, make_plan, refusals
from app.config.snapshot import ServerSpec, Snapshot
from app.gateway.edits import Problem
from app.gateway.gateway import Gateway
from app.gateway.generation import Generation
from app.gateway.sources import SourceError, find_config, read_config, read_keys, to_line
from app.gateway.watch import ALONE, HANGUP, Bell, Watch, mounted_alone
from app.protocol.faults import Fault, Kind
from app.relay.events import Expired
from app.upstream.upstream import State, Upstream

log = logging.getLogger("app.reload")

CONFIG, KEYS = "config", "keys"
REVOKED = Fault(Kind.UNAUTHENTICATED, "The API key of this call was revoked; the outcome of the call is unknown.")


class Candidate:
    """An edited server on trial. `spec` may still be tuned."""

    def __init__(self, spec: ServerSpec, upstream: Upstream) -> None:
        self.spec = spec
        self.upstream = upstream

    def __repr__(self) -> str:
        return f"<Candidate {self.upstream!r}>"


class Reload:
    """`environ` is the start's; `hide` is told the secrets of a new config before anything of it is logged."""

    def __init__(
        self, gateway: Gateway, environ: Mapping[str, str], hide: Callable[[Iterable[str]], None] = lambda _: None
    ) -> None:
        self._gateway = gateway
        self._environ = dict(environ)
        self._hide = hide
        # The file of the start, whatever appears beside it.
        self.settings = replace(gateway.settings, config_path=str(find_config(gateway.settings.config_path)))
        self._candidates: dict[str, Candidate] = {}
        self._notices = frozenset(gateway.current.snapshot.notices)

    def __repr__(self) -> str:
        return f"<Reload {self.settings.config_path} {list(self._candidates.values())}>"

    async def run(self, bell: Bell = HANGUP) -> None:
        """Until cancelled: follow the files, if the settings say so, and `bell` in any case."""
        gateway = self._gateway
        files = {CONFIG: Path(self.settings.config_path or ""), KEYS: Path(self.settings.keys_file)}
        for path in filter(mounted_alone, files.values()):
            log.warning(ALONE.format(path=path))
        if self.settings.live_reload:
            watch = Watch(files, lambda names: self.read(*sorted(names)), self._note_stale)
            gateway.own(watch.run())
            # What was edited while we started, between the first reading and the watch.
            self.read(CONFIG, KEYS)
        while True:
            await bell.heard()
            self.read(CONFIG, KEYS, again=True)

    def read(self, *what: str, again: bool = False) -> None:
        """Take the config, the keys or both as they are now. Never raises.

        `again`: try edited servers that were rejected once more, although their entries are the same.
        """
        if self._gateway.drain.begun:
            return
        for name in what:
            try:
                self._read_config(again=again) if name == CONFIG else self._read_keys()
            except SourceError as error:
                self._refuse(name, "; ".join(map(to_line, error.notices)))
            except Exception:
                # The boundary: a bug met with one file must not end what serves.
                log.exception("the %s could not be taken", name)
                self._refuse(name, "an error within the gateway: its log says more")

    def _refuse(self, name: str, reason: str) -> None:
        self._gateway.edits.files[name] = Problem(reason)
        log.error("the edited %s is rejected, what was serves on: %s", name, reason)

    def _note_stale(self, name: str, reason: str) -> None:
        self._gateway.edits.stale[name] = Problem(reason)
        log.error("%s", reason)

    def _accept(self, name: str) -> None:
        if self._gateway.edits.files.pop(name, None):
            log.info("the %s is good again", name)

    # The config.

    def _read_config(self, *, again: bool) -> None:
        snapshot = read_config(self.settings, self._environ)
        current = self._gateway.current
        if snapshot == current.snapshot and not self._candidates and not self._gateway.edits.servers:
            self._accept(CONFIG)
            return
        if refused := refusals(snapshot):
            raise SourceError(*refused)
        self._hide(secret for spec in snapshot.servers for secret in secrets_of(spec))
        for notice in snapshot.notices:
            if notice not in self._notices:
                log.warning(to_line(notice))
        self._notices = frozenset(snapshot.notices)
        self._accept(CONFIG)
        self._apply(snapshot, make_plan(current.snapshot.servers, snapshot.servers), again=again)

    def _apply(self, snapshot: Snapshot, plan: Plan, *, again: bool) -> None:
        gateway, current = self._gateway, self._gateway.current
        upstreams: dict[str, Upstream] = {}
        specs: list[ServerSpec] = []
        tried, self._candidates = self._candidates, {}
        rejected, gateway.edits.servers = gateway.edits.servers, {}
        for spec in snapshot.servers:
            former = current.upstreams.get(spec.name)
            if former is None or (spec.name in plan.change and not _guarded(former, spec)):
                upstreams[spec.name] = gateway.registry.provision(spec)
                specs.append(spec)
            elif spec.name in plan.change:
                upstreams[spec.name] = former
                self._try(spec, tried, None if again else rejected.get(spec.name))
                specs.append(current.specs[spec.name])
            else:
                upstreams[spec.name] = former
                former.retune(spec)
                specs.append(spec)
        gateway.swap(Generation(msgspec.structs.replace(snapshot, servers=tuple(specs)), current.keyring, upstreams))
        log.info("config reloaded: %s", plan)
        for name, upstream in current.upstreams.items():
            if upstreams.get(name) is not upstream:
                gateway.own(gateway.retire(upstream))
        for candidate in tried.values():
            if candidate not in self._candidates.values():
                gateway.own(gateway.retire(candidate.upstream))

    # Candidates.

    def _try(self, spec: ServerSpec, tried: Mapping[str, Candidate], rejected: Problem | None) -> None:
        """Start an edited server, or go on with it, or leave it rejected, if it is the one that was tried before."""
        candidate = tried.get(spec.name)
        if candidate is not None and identity(candidate.spec) == identity(spec):
            candidate.spec = spec
            candidate.upstream.retune(spec)
            self._candidates[spec.name] = candidate
        elif rejected is not None and rejected.identity == identity(spec):
            self._gateway.edits.servers[spec.name] = rejected
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
            self._put_in_place(candidate)
        else:
            problem = Problem(upstream.reason or "It did not start.", identity=identity(candidate.spec))
            self._gateway.edits.servers[name] = problem
            log.error("the edited server %s is rejected, the former one serves on: %s", name, problem.reason)
            await self._gateway.registry.retire(upstream)

    def _put_in_place(self, candidate: Candidate) -> None:
        gateway, current = self._gateway, self._gateway.current
        name = candidate.spec.name
        servers = tuple(candidate.spec if spec.name == name else spec for spec in current.snapshot.servers)
        snapshot = msgspec.structs.replace(current.snapshot, servers=servers)
        former = current.upstreams[name]
        gateway.swap(Generation(snapshot, current.keyring, {**current.upstreams, name: candidate.upstream}))
        log.info("the edited server %s has taken its place", name)
        gateway.own(gateway.retire(former))

    # The keys.

    def _read_keys(self) -> None:
        keyring, notices = read_keys(self.settings)
        self._accept(KEYS)
        gateway, current = self._gateway, self._gateway.current
        if _rights(keyring) == _rights(current.keyring):
            return
        for notice in notices:
            log.warning(to_line(notice))
        gone = _clients(current.keyring) - _clients(keyring)
        gateway.swap(Generation(current.snapshot, keyring, current.upstreams))
        gateway.sessions.end(gone)
        for driver in list(gateway.drivers):
            if driver.client in gone:
                driver.inbox.put(Expired(REVOKED))
        gateway.broadcast.revoke(lambda principal: principal.client_id not in gone)
        log.info("keys reloaded: %d keys of %d clients", len(keyring), len(keyring.clients))


def _guarded(former: Upstream, spec: ServerSpec) -> bool:
    """Whether what runs is worth keeping until its edited form has shown that it works."""
    works = former.serving or former.state is State.STARTING
    return spec.replace != "always" and former.catalog is not None and works


def _rights(keyring: Keyring) -> dict[bytes, tuple[object, ...]]:
    return {key.digest: (key.principal, key.until, key.id) for key in keyring.keys}


def _clients(keyring: Keyring) -> set[str]:
    """Who can call now."""
    now = time.time()
    return {key.principal.client_id for key in keyring.keys if key.until > now}
