"""A compiled config with the servers it keeps alive and the calls that run on it.

A generation is entered by every request and never changes; a reload makes another one (DESIGN.md rule 7). What callers
see of it is merged here from the servers' catalogs, and kept until one of those changes.
"""

import time
from collections.abc import Mapping
from functools import cached_property

from app.config.keyring import Keyring
from app.config.snapshot import ServerSpec, Snapshot
from app.relay.catalog import Hint
from app.relay.directory import Directory, Source
from app.relay.policy import Grant, name_filter
from app.relay.view import View
from app.upstream.upstream import Upstream

MAX_VIEWS = 4096
# Seconds between two looks at what ages although nothing changes: what servers say meanwhile only makes lists good for
# longer.
LOOK = 1.0


class Generation:
    """`upstreams` in config order, by cleaned name."""

    def __init__(self, snapshot: Snapshot, keyring: Keyring, upstreams: Mapping[str, Upstream]) -> None:
        self.snapshot = snapshot
        self.keyring = keyring
        self.upstreams = dict(upstreams)
        self.specs = {spec.name: spec for spec in snapshot.servers}
        """What each is used by: a reload may change limits and names without touching what runs."""
        self.disabled_since = dict.fromkeys(snapshot.disabled, time.time())
        """When each entry that does not run was first read as it stands: seconds since the epoch."""
        self._rules = {spec.name: name_filter(spec.tools.allow, spec.tools.deny) for spec in snapshot.servers}
        self._stale = False
        self._removers = [upstream.add_listener(self._changed) for upstream in self.upstreams.values()]
        self._directories: dict[str, Directory] = {}
        self._views: dict[tuple[Grant, str], View] = {}
        # What is known of each view for as long as no state and no catalog changes.
        self.hints: dict[tuple[View, str], tuple[float, Hint]] = {}
        self.looked_at: dict[View, float] = {}

    def __repr__(self) -> str:
        return f"<Generation {len(self.upstreams)} servers>"

    def view(self, grant: Grant, only: str = "") -> View:
        """What `grant` may see: of all servers, or of `only` one alone, whose names then have no prefix."""
        if self._stale:
            self._stale = False
            self._directories.clear()
            self._forget()
        view = self._views.get((grant, only))
        if view is None:
            if len(self._views) >= MAX_VIEWS:
                self._forget()
            view = self._views[grant, only] = View(self._directory(only), grant)
        return view

    def _forget(self) -> None:
        self._views.clear()
        self.hints.clear()
        self.looked_at.clear()

    def follow(self, former: "Generation") -> None:
        """Take over from `former`: an entry that did not run in it, and still does not, is no news."""
        former.leave()
        self.disabled_since |= {one: at for one, at in former.disabled_since.items() if one in self.disabled_since}

    def leave(self) -> None:
        """Another generation has taken over: what happens to servers is no longer heard."""
        for remove in self._removers:
            remove()

    def _changed(self, _: Upstream) -> None:
        """A server's state or catalog is another one: what was merged from it is made anew when next asked for."""
        self._stale = True

    @cached_property
    def unrestricted(self) -> bool:
        """Whether every key sees and uses the same."""
        grants = {key.principal.grant for key in self.keyring.keys}
        return all(grant.on(server).whole for grant in grants for server in self.upstreams)

    @property
    def directory(self) -> Directory:
        """Everything there is, whoever may see it."""
        return self._directory("")

    def _directory(self, only: str) -> Directory:
        directory = self._directories.get(only)
        if directory is None:
            specs = [spec for spec in self.snapshot.servers if only in ("", spec.name)]
            directory = Directory(self._source(spec, "" if only else spec.prefix) for spec in specs)
            self._directories[only] = directory
        return directory

    def _source(self, spec: ServerSpec, prefix: str) -> Source:
        return Source(spec.name, prefix, self._rules[spec.name], self.upstreams[spec.name].catalog)
