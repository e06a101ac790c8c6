"""What a changed config means for what runs: which servers stay, which are tuned, started, changed and stopped.

Pure. Decides by `identity`: what a live connection depends on is the same, or it is another server. Says too whether a
snapshot may be applied at all (INTERFACE, Config: "a reload is taken whole or not at all").
"""

from collections.abc import Iterable

import msgspec

from app.config.identity import identity
from app.config.snapshot import Notice, ServerSpec, Snapshot


class Plan(msgspec.Struct, frozen=True):
    """Names of servers: those of the new config in its order, then (`stop`) those that only the old one has."""

    keep: tuple[str, ...] = ()
    """Nothing about them is different."""
    retune: tuple[str, ...] = ()
    """Prefix, filter, limits or the like: the connection stays, and what is read from the spec is another."""
    start: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    """The name stays; what runs under it must be started anew."""
    stop: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no server is touched."""
        return not (self.retune or self.start or self.change or self.stop)

    def __str__(self) -> str:
        """`start a, b; stop c` for the log."""
        parts = [(verb, getattr(self, verb)) for verb in ("start", "change", "retune", "stop")]
        return "; ".join(f"{verb} {', '.join(names)}" for verb, names in parts if names) or "no server is touched"


def make_plan(before: Iterable[ServerSpec], after: Iterable[ServerSpec]) -> Plan:
    """From the servers that run to those that are wanted; names are unique within each."""
    former = {spec.name: spec for spec in before}
    found: dict[str, list[str]] = {field: [] for field in Plan.__struct_fields__}
    wanted: set[str] = set()
    for spec in after:
        wanted.add(spec.name)
        found[_verb(former.get(spec.name), spec)].append(spec.name)
    found["stop"] = [name for name in former if name not in wanted]
    return Plan(**{field: tuple(names) for field, names in found.items()})


def refusals(snapshot: Snapshot) -> tuple[Notice, ...]:
    """Why `snapshot` may not replace one that runs; empty where it may.

    A start runs what it can; a reload has something to lose. A variable that is not set disables its server in both.
    """
    return tuple(notice for notice in snapshot.notices if notice.error and not notice.missing)


def _verb(former: ServerSpec | None, spec: ServerSpec) -> str:
    if former is None:
        return "start"
    if former == spec:
        return "keep"
    return "retune" if identity(former) == identity(spec) else "change"
