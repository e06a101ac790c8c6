"""Which of a modern client's capabilities a server is told: those whose questions reach the client through us.

Pure. A modern request carries its client's capabilities, and a question is the answer to that very request, so none can
reach another person; a legacy session is shared and declares nothing (DESIGN.md rule 4).
"""

import msgspec

from app.protocol.jsonrpc import members_of

NONE = msgspec.Raw(b"{}")
QUESTIONS = ("elicitation", "sampling", "roots")
# Its results are handles that other requests ask for, and those requests are not relayed.
UNRELAYED = frozenset({"io.modelcontextprotocol/tasks"})


def answerable(declared: msgspec.Raw | None, *, roots: bool) -> msgspec.Raw:
    """What to declare to a server for a client that declared this. `roots`: whether it is told of those (config).

    They are folders on the client's machine, and mean nothing, or something else, to a local server on ours.
    """
    if declared is None or bytes(declared) == b"{}":
        return NONE
    members = members_of(declared)
    if not members:
        return NONE
    told = {name: members[name] for name in QUESTIONS if name in members and (roots or name != "roots")}
    extensions = members_of(members.get("extensions", b"")) or {}
    kept = {name: value for name, value in extensions.items() if name not in UNRELAYED}
    if kept:
        told["extensions"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.Raw(msgspec.json.encode(told))
