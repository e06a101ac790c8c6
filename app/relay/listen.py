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
# The member that asks for changes of single resources.
RESOURCES = "resourceSubscriptions"
UPDATED = "notifications/resources/updated"
# The member that asks for changes of tasks (the extension of that name).
TASKS = "taskIds"
TASK_CHANGED = "notifications/tasks"
# What older revisions tell of things that outlive their call: on no stream in particular, by an id alone (2025-11-25).
TASK_STATUS = "notifications/tasks/status"
COMPLETED = "notifications/elicitation/complete"
# Resources, or tasks, that one client, or one subscription, can want to hear of.
MAX_RESOURCES = 1000

_FLAGS = {b"true": True, b"false": False}


_uris = msgspec.json.Decoder(list[str]).decode


class Filter(msgspec.Struct, frozen=True):
    """What a `subscriptions/listen` asks for: kinds of list, single resources, and tasks."""

    kinds: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


class Updated(msgspec.Struct, frozen=True):
    """A single resource has changed."""

    uri: str


class TaskChanged(msgspec.Struct, frozen=True):
    """A task has changed: our id, and all that is told of it."""

    task: str
    params: Members


News = str | Updated | TaskChanged | Noticed
"""What a listener is told: a kind of list, a resource, a task, or a message that is ready."""


def read_filter(params: Members) -> Filter | Fault:
    """What a `subscriptions/listen` asks for. What nobody can be told of is passed over."""
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
    uris, tasks = _texts(wanted, RESOURCES), _texts(wanted, TASKS)
    if isinstance(uris, Fault):
        return uris
    return tasks if isinstance(tasks, Fault) else Filter(tuple(kinds), uris, tasks)


def _texts(wanted: Members, member: str) -> tuple[str, ...] | Fault:
    try:
        texts = tuple(dict.fromkeys(_uris(wanted.get(member, b"[]"))))
    except msgspec.DecodeError:
        return Fault(Kind.INVALID_PARAMS, f"`params.notifications.{member}` must be a list of texts.")
    if len(texts) > MAX_RESOURCES:
        return Fault(Kind.INVALID_PARAMS, f"`params.notifications.{member}` names more than {MAX_RESOURCES}.")
    return texts


def acknowledged(ident: bytes, honoured_filter: Filter) -> Noticed:
    """The first message of subscription `ident` (JSON): what it will be told of."""
    honoured: dict[str, object] = {ASKED_BY[kind]: True for kind in honoured_filter.kinds}
    if honoured_filter.uris:
        honoured[RESOURCES] = honoured_filter.uris
    if honoured_filter.tasks:
        honoured[TASKS] = honoured_filter.tasks
    return Noticed(ACKNOWLEDGED, _raw({"_meta": _named(ident), "notifications": honoured}))


def honoured_resources(params: Members) -> frozenset[str]:
    """The resources that an acknowledgement of a server's says it will tell of."""
    return _honoured(params, RESOURCES)


def honoured(params: msgspec.Raw, member: str) -> frozenset[str]:
    """What of `member` an acknowledgement of a server's says it will tell of."""
    return _honoured(members_of(params) or {}, member)


def _honoured(params: Members, member: str) -> frozenset[str]:
    found = members_of(params.get("notifications", b"")) or {}
    try:
        return frozenset(_uris(found.get(member, b"[]")))
    except msgspec.DecodeError:
        return frozenset()


def told(news: News, ident: bytes = b"") -> Noticed:
    """What is told; `ident` (JSON) is the subscription's, empty for an older revision."""
    match news:
        case Updated():
            return updated(news.uri, ident)
        case TaskChanged():
            return task_changed(news, ident)
        case Noticed():
            return news  # it is told as it is
        case _:
            return changed(news, ident)


def task_changed(news: TaskChanged, ident: bytes) -> Noticed:
    """A task has changed: what its server told, under our id and for this subscription."""
    meta = members_of(news.params.get("_meta", b"")) or {}
    told_of = {**news.params, "taskId": news.task, "_meta": {**meta, **_named(ident)}}
    return Noticed(TASK_CHANGED, _raw(told_of))


def updated(uri: str, ident: bytes = b"") -> Noticed:
    """A resource has changed."""
    params: dict[str, object] = {"uri": uri}
    return Noticed(UPDATED, _raw({"_meta": _named(ident), **params} if ident else params))


def changed(kind: str, ident: bytes = b"") -> Noticed:
    """A list of that kind is another one now."""
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
