"""Which of a modern client's capabilities a server is told: those whose questions reach the client through us.

Pure. A modern request carries its client's capabilities, and a question is the answer to that very request, so none can
reach another person; a legacy session is shared and declares nothing (DESIGN.md rule 4).
"""

import msgspec

from app.protocol.jsonrpc import members_of

NONE = msgspec.Raw(b"{}")
QUESTIONS = ("elicitation", "sampling", "roots")


def answerable(declared: msgspec.Raw | None, *, remote: bool) -> msgspec.Raw:
    """What to declare to a server for a client that declared this. A local server is not told of roots.

    They are folders on the client's machine, and mean nothing, or something else, on ours.
    """
    if declared is None or bytes(declared) == b"{}":
        return NONE
    members = members_of(declared)
    if not members:
        return NONE
    told = {name: members[name] for name in QUESTIONS if name in members and (remote or name != "roots")}
    if members_of(members.get("extensions", b"")):
        told["extensions"] = members["extensions"]
    return msgspec.Raw(msgspec.json.encode(told))
