"""What servers ask their clients, read as deep as a gateway must: what it takes to answer, and who is asking.

Pure. A question is `{"method", "params"}` in both eras; keys, ids and states are others' business (2025-11-25 and
2026-07-28, "Elicitation", "Sampling", "Roots").
"""

import msgspec

from app.protocol.jsonrpc import members_of, text_of
from app.relay.catalog import Members
from app.relay.events import Given, PeerError

ELICITATION = "elicitation/create"
SAMPLING = "sampling/createMessage"
ROOTS = "roots/list"
METHODS = frozenset({ELICITATION, SAMPLING, ROOTS})
# Which server asks, for clients that show it; people read it in the message of an elicitation.
ASKED_BY = "mcp-proxy/server"
# What a client of 2025-11-25 is told by an error in place of a result: go to these addresses first.
URL_REQUIRED = -32042

Needed = dict[str, dict[str, object]]

_DECLINED = msgspec.Raw(b'{"action":"decline"}')
_CANCELLED = msgspec.Raw(b'{"action":"cancel"}')
UNKNOWN = PeerError(msgspec.Raw(b'{"code":-32601,"message":"Method not found"}'))
OVER = PeerError(msgspec.Raw(b'{"code":-32603,"message":"The call that this was asked for is over."}'))


class Read(msgspec.Struct, frozen=True):
    """One question: `params` is empty where there were none."""

    method: str
    params: Members


def read(question: msgspec.Raw) -> Read:
    """The question; without a method where it is none."""
    members = members_of(question) or {}
    return Read(text_of(members.get("method")) or "", members_of(members.get("params", b"")) or {})


def to_raw(question: Read) -> msgspec.Raw:
    """The question as it is asked."""
    return msgspec.Raw(msgspec.json.encode(question))


def is_url(question: Read) -> bool:
    """Whether a person is sent to an address instead of filling in a form."""
    return question.method == ELICITATION and text_of(question.params.get("mode")) == "url"


def needed(question: Read) -> Needed:
    """The client capabilities that it takes to be asked this, as an object of them."""
    match question.method:
        case "elicitation/create":
            return {"elicitation": {"url" if is_url(question) else "form": {}}}
        case "sampling/createMessage":
            return {"sampling": {"tools": {}} if "tools" in question.params else {}}
        case _:
            return {"roots": {}}


def lacking(questions: list[Read], declared: Members) -> Needed:
    """What a client that declared this lacks for being asked these; empty when it lacks nothing."""
    missing: Needed = {}
    for question in questions:
        for capability, parts in needed(question).items():
            has = members_of(declared.get(capability, b""))
            if has is None or not all(part in has or (part == "form" and not has) for part in parts):
                missing.setdefault(capability, {}).update(parts)
    return missing


def signed(question: Read, server: str) -> Read:
    """The question with the name of who asks, where a program looks for it and where a person does."""
    meta = members_of(question.params.get("_meta", b"")) or {}
    params = {**question.params, "_meta": _raw({**meta, ASKED_BY: server})}
    message = text_of(params.get("message"))
    if question.method == ELICITATION and message is not None:
        params["message"] = _raw(f"[{server}] {message}")
    return Read(question.method, params)


def declined(question: Read) -> Given:
    """What a server is told that asks what its client cannot be asked."""
    return _DECLINED if question.method == ELICITATION else UNKNOWN


def without_error(question: Read, given: Given) -> Given:
    """An answer for a server whose revision knows results alone: an error about a form is a form that was closed."""
    return _CANCELLED if isinstance(given, PeerError) and question.method == ELICITATION else given


def of_error(error: PeerError) -> Members | None:
    """The questions in the error that sends a person to addresses (2025-11-25); None when it is another one."""
    asked: Members = {}
    for number, elicitation in enumerate(elicitations_in(error), 1):
        params = {name: value for name, value in elicitation.items() if name != "elicitationId"}
        asked[f"elicitation-{number}"] = to_raw(Read(ELICITATION, {**params, "mode": _raw("url")}))
    return asked or None


def elicitations_in(error: PeerError) -> list[Members]:
    """What that error wants to be done first; nothing where it is another one."""
    members = members_of(error.raw) or {}
    if bytes(members.get("code", b"")) != b"%d" % URL_REQUIRED:
        return []
    try:
        data = members_of(members.get("data", b"")) or {}
        return msgspec.json.decode(data.get("elicitations", b""), type=list[Members])
    except msgspec.DecodeError:
        return []


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
