"""Which of a client's capabilities a server is told: those whose questions reach the client through us.

Pure. A modern request carries its client's capabilities, and a question is the answer to that very request, so none can
reach another person; a legacy session declares them where it is one client's alone, else nothing (DESIGN.md rule 4).
"""

from functools import lru_cache

import msgspec

from app.protocol.jsonrpc import members_of

NONE = msgspec.Raw(b"{}")
QUESTIONS = ("elicitation", "sampling", "roots")


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
    if members_of(members.get("extensions", b"")):
        told["extensions"] = members["extensions"]
    return msgspec.Raw(msgspec.json.encode(told))


def questionable(declared: msgspec.Raw, *, roots: bool) -> bytes:
    """What a legacy session declares that is opened for a client which declared this; equal for equal clients."""
    return _questionable(bytes(declared), roots)


def of_session(capabilities: msgspec.Raw, *, urls: bool) -> msgspec.Raw:
    """What a legacy client can be asked, of all that it declared. `urls`: its revision knows that mode."""
    members = members_of(capabilities) or {}
    told = {name: members[name] for name in QUESTIONS if members_of(members.get(name, b"")) is not None}
    modes = members_of(told.get("elicitation", b"")) or {}
    if "url" in modes and not urls:
        told["elicitation"] = _encoded({name: value for name, value in modes.items() if name != "url"})
    return _encoded(told) if told else NONE


@lru_cache(maxsize=256)
def _questionable(declared: bytes, roots: bool) -> bytes:
    members = members_of(declared) or {}
    told = {name: members[name] for name in QUESTIONS if name in members and (roots or name != "roots")}
    return msgspec.json.encode(told)


def _encoded(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
