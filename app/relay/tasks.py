"""Tasks: work that goes on after its call is answered, relayed in both forms there are, as they are but for their ids.

Pure: sealing is an argument. 2025-11-25 "Tasks" (asked for by the client, between legacy peers) and the extension
`io.modelcontextprotocol/tasks` (the server's choice, between modern peers). A server sees one gateway, so a task's id
alone would open it to everybody behind us: clients get ids of ours, good for one principal and naming the server.
"""

from collections.abc import Callable

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.meta import PREFIX
from app.protocol.versions import Era
from app.relay import questions
from app.relay.catalog import Members
from app.relay.events import Result

EXTENSION = PREFIX + "tasks"
RELATED = PREFIX + "related-task"
# How a task can end.
TERMINAL = frozenset({"completed", "failed", "cancelled"})
METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel", "tasks/result"})
# Said of no such task, of another's, and of one whose server is hidden alike.
UNKNOWN = Fault(Kind.INVALID_PARAMS, "Unknown task.")
UNDECLARED = Fault(
    Kind.MISSING_CAPABILITY,
    f"This request needs the client capability `extensions.{EXTENSION}`.",
    data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
)
# What of 2025-11-25 is offered. The list is our own, so that it takes no server that has one.
OFFERED: dict[str, object] = {"list": {}, "requests": {"tools": {"call": {}}}}

# One text for one plain text and binding, always the same; and back, None where anything is altered.
Seal = Callable[[bytes, bytes], str]
Unseal = Callable[[str, bytes], bytes | None]
Rename = Callable[[str], str]


class TaskIds:
    """Ids of ours for servers' ids: the same one each time, and no one's but the principal's that it was made for."""

    def __init__(self, seal: Seal, unseal: Unseal) -> None:
        self._seal = seal
        self._unseal = unseal

    def __repr__(self) -> str:
        return "<TaskIds>"

    def ours(self, server: str, theirs: str, principal: str) -> str:
        """The id that `principal` gets for the task that `server` calls `theirs`."""
        return self._seal(msgspec.json.encode((server, theirs)), _binding(principal))

    def theirs(self, ours: str, principal: str) -> tuple[str, str] | None:
        """The server and its own id; None for an id that is not this principal's."""
        opened = self._unseal(ours, _binding(principal))
        return msgspec.json.decode(opened, type=tuple[str, str]) if opened is not None else None


def _binding(principal: str) -> bytes:
    return b"task of " + principal.encode()


def offers(capabilities: Members, era: Era) -> bool:
    """Whether a server with these capabilities runs tool calls as tasks of that era's form."""
    if era is Era.MODERN:
        return EXTENSION in (members_of(capabilities.get("extensions", b"")) or {})
    requests = members_of((members_of(capabilities.get("tasks", b"")) or {}).get("requests", b"")) or {}
    return "call" in (members_of(requests.get("tools", b"")) or {})


def cancels(capabilities: Members) -> bool:
    """Whether a server with these capabilities lets its tasks be cancelled (2025-11-25)."""
    return "cancel" in (members_of(capabilities.get("tasks", b"")) or {})


def alone(tool: Members, capabilities: Members) -> bool:
    """Whether a server of 2025-11-25 with these capabilities runs this tool as a task and not otherwise."""
    execution = members_of(tool.get("execution", b"")) or {}
    return text_of(execution.get("taskSupport")) == "required" and offers(capabilities, Era.LEGACY)


def declared(capabilities: msgspec.Raw | None) -> bool:
    """Whether a modern client's capabilities have the extension."""
    if capabilities is None or EXTENSION.encode() not in bytes(capabilities):
        return False
    return EXTENSION in (members_of((members_of(capabilities) or {}).get("extensions", b"")) or {})


def renamed(result: Result, rename: Rename, server: str = "") -> Result:
    """A result with our ids: of a task that was made, of one that was asked for, or of the one it is the outcome of.

    What the task wants to know says which `server` asks.
    """
    if b"taskId" not in bytes(result.raw):
        return result
    members = members_of(result.raw)
    if members is None:
        return result
    changed = with_id(signed(members, server), rename)
    for holder, path in (("task", None), ("_meta", RELATED)):
        held = members_of(changed.get(holder, b""))
        if held is None:
            continue
        inner = with_id(held, rename) if path is None else _within(held, path, rename)
        changed = {**changed, holder: _raw(inner)}
    return Result(_raw(changed), result.era)


def signed(members: Members, server: str) -> Members:
    """A task's state with the name of its server in what it wants to know; the same where it wants nothing."""
    asked = members_of(members.get("inputRequests", b""))
    if asked is None or id_in(members) is None:
        return members
    named = {key: questions.to_raw(questions.signed(questions.read(raw), server)) for key, raw in asked.items()}
    return {**members, "inputRequests": _raw(named)}


def made_or_asked(members: Members) -> str | None:
    """The id of the task that an older server's result is about: one that was made, or one that was asked for."""
    return id_in(members_of(members.get("task", b"")) or members)


def id_in(members: Members) -> str | None:
    """The id that an object gives a task."""
    return text_of(members.get("taskId"))


def with_id(members: Members, rename: Rename) -> Members:
    """An object with its own `taskId` in our words."""
    theirs = text_of(members.get("taskId"))
    return members if theirs is None else {**members, "taskId": _raw(rename(theirs))}


def _within(members: Members, name: str, rename: Rename) -> Members:
    held = members_of(members.get(name, b""))
    return members if held is None else {**members, name: _raw(with_id(held, rename))}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
