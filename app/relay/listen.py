"""What a client may ask to be told of, and the messages that tell it.

Pure. 2026-07-28 "Subscriptions": a filter asks, an acknowledgement says what of it is honoured, and every message of a
subscription names it by the JSON-RPC id of its request, type included. Older revisions name nothing: their one stream
is the session's (2025-11-25, "Listening for Messages from the Server").
"""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of
from app.protocol.meta import IDENTITY, PREFIX, SERVER_INFO
from app.relay.catalog import Members
from app.relay.events import Noticed

SUBSCRIPTION_ID = PREFIX + "subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
# The member of the filter that asks for changes of a kind of list.
ASKED_BY = {"tools": "toolsListChanged", "prompts": "promptsListChanged", "resources": "resourcesListChanged"}

_FLAGS = {b"true": True, b"false": False}


def read_filter(params: Members) -> tuple[str, ...] | Fault:
    """The kinds of list a `subscriptions/listen` asks for. What nobody can be told of yet is passed over."""
    wanted = members_of(params.get("notifications", b""))
    if wanted is None:
        return Fault(Kind.INVALID_PARAMS, "`params.notifications` must be an object.")
    kinds: list[str] = []
    for kind, member in ASKED_BY.items():
        flag = _FLAGS.get(bytes(wanted.get(member, b"false")))
        if flag is None:
            return Fault(Kind.INVALID_PARAMS, f"`params.notifications.{member}` must be true or false.")
        if flag:
            kinds.append(kind)
    return tuple(kinds)


def acknowledged(ident: bytes, kinds: tuple[str, ...]) -> Noticed:
    """The first message of subscription `ident` (JSON): what it will be told of."""
    honoured = {ASKED_BY[kind]: True for kind in kinds}
    return Noticed(ACKNOWLEDGED, _raw({"_meta": _named(ident), "notifications": honoured}))


def changed(kind: str, ident: bytes = b"") -> Noticed:
    """A list of that kind is another one now; `ident` (JSON) is the subscription's, empty for an older revision."""
    params = _raw({"_meta": _named(ident)}) if ident else msgspec.Raw()
    return Noticed(f"notifications/{kind}/list_changed", params)


def ended(ident: bytes) -> msgspec.Raw:
    """The result that ends subscription `ident` from our side."""
    meta = {**_named(ident), SERVER_INFO: IDENTITY}
    return _raw({"resultType": "complete", "_meta": meta})


def _named(ident: bytes) -> dict[str, object]:
    return {SUBSCRIPTION_ID: msgspec.Raw(ident)}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
