"""Applies edited config and keys to a gateway that serves: make before break (DESIGN.md rule 7).

The boundary of reload: whatever is wrong with a file, the last good generation serves on. Theory of operation: load,
compile, plan, provision, one swap, then what is gone drains. That much happens without an await, so that two edits
cannot mix. An edited server that works now is on trial first (`trials.py`).
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from app.config.keyring import Keyring
from app.config.masking import secrets_of
from app.config.plan import Plan, make_plan, refusals
from app.config.snapshot import ServerSpec, Snapshot
from app.gateway.edits import Problem
from app.gateway.gateway import Gateway
from app.gateway.generation import Generation
from app.gateway.sources import SourceError, find_config, read_config, read_keys, to_line
from app.gateway.trials import Trials
from app.gateway.watch import ALONE, HANGUP, Bell, Watch, mounted_alone
from app.protocol.faults import Fault, Kind
from app.upstream.upstream import Upstream

log = logging.getLogger("app.reload")

CONFIG, KEYS = "config", "keys"
# Not UNAUTHENTICATED: the key was good when the call came, and a JSON-RPC request is answered as one.
REVOKED = Fault(Kind.CLOSED, "The API key of this call was revoked while it ran.")


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
        self._trials = Trials(gateway)
        self._notices = frozenset(gateway.current.snapshot.notices)

    def __repr__(self) -> str:
        return f"<Reload {self.settings.config_path} {self._trials!r}>"

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
                log.exception("the %s file could not be taken", name)
                self._refuse(name, "an error within the gateway: its log says more")

    def _refuse(self, name: str, reason: str) -> None:
        self._gateway.edits.files[name] = Problem(reason)
        log.error("the edited %s file is rejected, what was serves on: %s", name, reason)

    def _note_stale(self, name: str, reason: str) -> None:
        self._gateway.edits.stale[name] = Problem(reason)
        log.error("%s", reason)

    def _accept(self, name: str) -> None:
        if self._gateway.edits.files.pop(name, None):
            log.info("the %s file is good again", name)

    # The config.

    def _read_config(self, *, again: bool) -> None:
        snapshot = read_config(self.settings, self._environ)
        current = self._gateway.current
        if snapshot == current.snapshot and not self._trials.pending:
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
        self._trials.begin(again=again)
        for spec in snapshot.servers:
            upstream, placed = current.upstreams.get(spec.name), spec
            if upstream is None:
                upstream = gateway.registry.provision(spec)
            elif spec.name in plan.change:
                upstream, placed = self._trials.place(spec, upstream)
            else:
                upstream.retune(spec)
            upstreams[spec.name] = upstream
            specs.append(placed)
        gateway.swap(Generation(msgspec.structs.replace(snapshot, servers=tuple(specs)), current.keyring, upstreams))
        log.info("config reloaded: %s", plan)
        for name, upstream in current.upstreams.items():
            if upstreams.get(name) is not upstream:
                gateway.own(gateway.retire(upstream))
        self._trials.end(set(plan.change))

    # The keys.

    def _read_keys(self) -> None:
        gateway, current = self._gateway, self._gateway.current
        # A file that is gone is being replaced, or lost: whoever revokes every key writes {}.
        there = any(key.origin.startswith(f"{self.settings.keys_file}:") for key in current.keyring.keys)
        keyring, notices = read_keys(self.settings, there=there)
        self._accept(KEYS)
        if _rights(keyring) == _rights(current.keyring):
            return
        for notice in notices:
            log.warning(to_line(notice))
        gone = _clients(current.keyring) - _clients(keyring)
        gateway.swap(Generation(current.snapshot, keyring, current.upstreams))
        gateway.broadcast.revoke(lambda principal: principal.client_id not in gone)
        gateway.sessions.end(gone)
        for driver in list(gateway.drivers):
            if driver.client in gone:
                driver.expire(REVOKED)
        gateway.broadcast.revoke(lambda principal: principal.client_id not in gone)
        log.info("keys reloaded: %d keys of %d clients", len(keyring), len(keyring.clients))


def _rights(keyring: Keyring) -> dict[bytes, tuple[object, ...]]:
    return {key.digest: (key.principal, key.until, key.id) for key in keyring.keys}


def _clients(keyring: Keyring) -> set[str]:
    """Who can call now."""
    now = time.time()
    return {key.principal.client_id for key in keyring.keys if key.until > now}
