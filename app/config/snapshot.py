"""What the gateway runs on, compiled: immutable, swapped by one assignment (DESIGN.md section 2)."""

from typing import Literal

import msgspec

# Of one server, where each client or session has one of its own: a bound on processes, not a tuning knob.
MAX_SESSIONS = 100


class ToolFilter(msgspec.Struct, frozen=True):
    """Globs on a server's own names. Nothing in `allow` means all; `deny` wins."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Limits(msgspec.Struct, frozen=True):
    """What all processes of one stdio server may use together. `memory` in bytes; None: no limit."""

    memory: int | None = None
    processes: int | None = None

    @property
    def none(self) -> bool:
        return self.memory is None and self.processes is None


class ServerSpec(msgspec.Struct, frozen=True):
    """One server to run. Seconds throughout; every `${VAR}` is expanded."""

    name: str
    """Cleaned: `[A-Za-z0-9_-]+`, unique."""
    label: str
    """As the file has it."""
    kind: Literal["stdio", "http", "sse", "auto"]
    """`auto`: a URL without a transport; Streamable HTTP is tried first, then HTTP+SSE."""
    prefix: str
    """What stands before `__` in listed names; empty for none."""
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: dict[str, str] = {}
    tools: ToolFilter = ToolFilter()
    timeout: float = 300.0
    """Without a sign of life, for `tools/call`; other methods have `METHOD_TIMEOUT`."""
    max_timeout: float = 3600.0
    startup_timeout: float | None = None
    """None: 120 on a first start, then 30."""
    pool: Literal["auto", "one", "client", "session"] = "auto"
    roots: bool = False
    """Whether it is told of its clients' roots: folders on their machines."""
    era: Literal["auto", "legacy", "modern", "mirror"] = "auto"
    replace: Literal["ready", "always"] = "ready"
    """When an edit of it takes the place of what runs: once it is READY, or at once."""
    start: Literal["eager", "lazy"] = "eager"
    idle_timeout: float = 300.0
    """After so long without a call a lazy server is stopped."""
    required: bool = False
    """The gateway is not ready without it."""
    limits: Limits = Limits()

    @property
    def remote(self) -> bool:
        return self.kind != "stdio"

    @property
    def lazy(self) -> bool:
        return self.start == "lazy"


class DisabledServer(msgspec.Struct, frozen=True):
    """An entry that does not run: by the user's `disabled`, or by a fault in it (`reason`)."""

    name: str
    label: str
    reason: str
    by_user: bool = False
    missing: bool = False
    """The only faults are environment variables that are not set: a reload is not refused for it."""
    required: bool = False


class Notice(msgspec.Struct, frozen=True):
    """Something `check` and the log say about a file. `where` is `file:line`, `path` the JSON path."""

    where: str
    path: str
    message: str
    hint: str = ""
    error: bool = False
    missing: bool = False
    """The error is that an environment variable is not set."""


class Snapshot(msgspec.Struct, frozen=True):
    """A compiled config file, in file order."""

    servers: tuple[ServerSpec, ...]
    disabled: tuple[DisabledServer, ...] = ()
    notices: tuple[Notice, ...] = ()
    order: tuple[str, ...] = ()
    """The names of both, as the file has them."""


METHOD_TIMEOUT = 60.0
