"""Which era and session a POST belongs to and whether it may go on: the ladder of PROTOCOL.md sections 1 and 3.1.

Pure, and never raises: the first rung that fails becomes a `Rejection`, the rest an `Inbound`. Header values arrive as
the server library read them; surrounding white space is taken off here, since httptools keeps it.
"""

import re
from functools import lru_cache

import msgspec

from app.protocol import meta as meta_of
from app.protocol.faults import Fault, Kind
from app.protocol.headers import check_routing
from app.protocol.jsonrpc import Message, Rejection, decode, decode_batch, members_of
from app.protocol.meta import Meta, read_meta
from app.protocol.methods import Method, method_for
from app.protocol.versions import ASSUMED_LEGACY, LEGACY_VERSIONS, MODERN_VERSIONS, SUPPORTED_VERSIONS, Era

Headers = list[tuple[bytes, bytes]]


class Accept(msgspec.Struct, frozen=True):
    """The two content types an MCP answer can have, and which of them the client takes.

    `stream_first`: it takes no JSON, or would rather have a stream, also of one event.
    """

    json: bool
    stream: bool
    stream_first: bool = False


class Inbound(msgspec.Struct, frozen=True):
    """A message that passed the ladder.

    `version` is the revision that binds this request (a legacy one: what its header says, or the assumed one);
    `method` is None for a method its era does not know, and for a notification; `session` the legacy session id or "".
    """

    era: Era
    version: str
    session: str
    message: Message
    meta: Meta
    method: Method | None
    accept: Accept


class Head(msgspec.Struct):
    """The headers the ladder reads, stripped."""

    content_type: bytes = b""
    content_encoding: bytes = b""
    accept: bytes = b""
    version: bytes = b""
    session: bytes = b""
    last_event_id: bytes = b""
    versions: int = 0


_FIELDS = {
    b"content-type": "content_type",
    b"content-encoding": "content_encoding",
    b"accept": "accept",
    b"mcp-protocol-version": "version",
    b"mcp-session-id": "session",
    b"last-event-id": "last_event_id",
}
_LEGACY_BYTES = frozenset(version.encode() for version in LEGACY_VERSIONS)
_OWS = b" \t"
_WEIGHT = re.compile(rb"0(\.\d*)?|1(\.0*)?")  # RFC 9110, 12.4.2, but for its three digits
# Below everything that is taken, the last of a long list included.
_REFUSED = (0.0, 1)
_BAD_META = "`_meta` must be an object, each member once, with a text or number as progressToken."
MISSING_VERSION = Fault(Kind.HEADER_MISMATCH, "The MCP-Protocol-Version header is missing.")


def read_head(headers: Headers) -> Head:
    """Collect the headers the ladder reads. Repeated `Accept` lines are one list, as HTTP says."""
    given = dict(headers)
    if len(given) == len(headers):
        get = given.get
        return Head(
            get(b"content-type", b"").strip(_OWS),
            get(b"content-encoding", b"").strip(_OWS),
            get(b"accept", b"").strip(_OWS),
            get(b"mcp-protocol-version", b"").strip(_OWS),
            get(b"mcp-session-id", b"").strip(_OWS),
            get(b"last-event-id", b"").strip(_OWS),
            int(b"mcp-protocol-version" in given),
        )
    head = Head()
    for name, value in headers:
        field = _FIELDS.get(name)
        if field is None:
            continue
        told = value.strip(_OWS)
        setattr(head, field, head.accept + b"," + told if field == "accept" and head.accept else told)
        head.versions += field == "version"
    return head


def classify(headers: Headers, body: bytes) -> Inbound | Rejection:
    """Climb the ladder with one POST. Returns what it is, or why it goes no further."""
    head = read_head(headers)
    accept = _fit(head)
    if isinstance(accept, Rejection):
        return accept
    message = decode(body)
    if head.versions and (head.version not in _LEGACY_BYTES or head.versions > 1):
        found = message if isinstance(message, Rejection) else _modern(headers, head, message, accept)
        return Rejection(found.fault, found.id, Era.MODERN) if isinstance(found, Rejection) else found
    return message if isinstance(message, Rejection) else _legacy(head, message, accept)


def classify_batch(headers: Headers, body: bytes) -> list[Inbound | Rejection] | Rejection:
    """The same with an array, where the revision has them: 2025-03-26, which the caller has made sure of."""
    head = read_head(headers)
    accept = _fit(head)
    if isinstance(accept, Rejection):
        return accept
    messages = decode_batch(body)
    if isinstance(messages, Rejection):
        return messages
    return [found if isinstance(found, Rejection) else _member(head, found, accept) for found in messages]


def classify_message(headers: Headers, body: bytes) -> Inbound | Rejection:
    """A message of HTTP+SSE (2024-11-05): its answer comes on a stream, so that no `Accept` is asked for."""
    head = read_head(headers)
    unfit = _unfit(head)
    if unfit is not None:
        return unfit
    message = decode(body)
    return message if isinstance(message, Rejection) else _legacy(head, message, Accept(json=False, stream=True))


def _member(head: Head, message: Message, accept: Accept) -> Inbound | Rejection:
    if message.method == "initialize":
        return _refused(Kind.INVALID_REQUEST, "`initialize` cannot be part of a batch.", message)
    return _legacy(head, message, accept)


def _fit(head: Head) -> Accept | Rejection:
    unfit = _unfit(head)
    if unfit is not None:
        return unfit
    accept = read_accept(head.accept)
    if not accept.json and not accept.stream:
        return _refused(Kind.NOT_ACCEPTABLE, "Accept must allow application/json or text/event-stream.")
    return accept


def _unfit(head: Head) -> Rejection | None:
    if is_json(head.content_type) and head.content_encoding.lower() in (b"", b"identity"):
        return None
    return _refused(Kind.UNSUPPORTED_MEDIA, "Send the body as Content-Type: application/json, UTF-8, not compressed.")


def _modern(headers: Headers, head: Head, message: Message, accept: Accept) -> Inbound | Rejection:
    """2026-07-28: envelope there, headers agree, version supported. Notifications pass, to be dropped."""
    if head.versions > 1:
        return _refused(Kind.HEADER_MISMATCH, "MCP-Protocol-Version is given more than once.", message)
    if not message.method:
        return _refused(
            Kind.INVALID_REQUEST, "A response has no place here: this revision sends no requests to clients.", message
        )
    version = head.version.decode("latin-1")
    if not message.is_request:
        return Inbound(Era.MODERN, version, "", message, meta_of.NOTHING, None, accept)
    meta = read_meta(message)
    if meta is None:
        return _refused(Kind.INVALID_PARAMS, _BAD_META, message)
    if not meta.version and version in MODERN_VERSIONS:
        return _refused(Kind.INVALID_PARAMS, f"`_meta` needs `{meta_of.PROTOCOL_VERSION}`.", message)
    if not meta.version:  # a legacy client with a revision that is none: it knows no routing headers
        return Rejection(unsupported(version), message.id)
    if meta.version != version:
        return _refused(Kind.HEADER_MISMATCH, "MCP-Protocol-Version differs from the version in `_meta`.", message)
    mismatch = check_routing(headers, message.method, message.params)
    if mismatch:
        return _refused(Kind.HEADER_MISMATCH, mismatch, message)
    if version not in MODERN_VERSIONS:
        return Rejection(unsupported(version), message.id)
    if members_of(meta.members.get(meta_of.CLIENT_CAPABILITIES, b"")) is None:
        return _refused(Kind.INVALID_PARAMS, f"`_meta` needs `{meta_of.CLIENT_CAPABILITIES}`, an object.", message)
    return Inbound(Era.MODERN, version, "", message, meta, method_for(message.method, Era.MODERN), accept)


def _legacy(head: Head, message: Message, accept: Accept) -> Inbound | Rejection:
    """Up to 2025-11-25. Which session it belongs to is for the session table to say."""
    meta = read_meta(message)
    if meta is None:
        return _refused(Kind.INVALID_PARAMS, _BAD_META, message)
    if not head.versions and meta.version:
        return Rejection(MISSING_VERSION, message.id, Era.MODERN)
    version = head.version.decode() if head.versions else ASSUMED_LEGACY
    method = method_for(message.method, Era.LEGACY) if message.is_request else None
    return Inbound(Era.LEGACY, version, head.session.decode("latin-1"), message, meta, method, accept)


def unsupported(version: str) -> Fault:
    """−32022 with the list the client may choose from (2026-07-28, versioning)."""
    shown = version if len(version) <= 64 and version.isprintable() else ""
    return Fault(
        Kind.UNSUPPORTED_VERSION,
        "Unsupported protocol version.",
        data={"supported": list(SUPPORTED_VERSIONS), "requested": shown},
    )


@lru_cache(maxsize=64)
def is_json(content_type: bytes) -> bool:
    """`application/json`, with no charset or UTF-8."""
    kind, *parameters = content_type.lower().split(b";")
    charsets = [
        value.strip(b'" \t') for name, _, value in (p.partition(b"=") for p in parameters) if name.strip() == b"charset"
    ]
    return kind.strip() == b"application/json" and all(charset in (b"utf-8", b"utf8") for charset in charsets)


@lru_cache(maxsize=64)
def read_accept(value: bytes) -> Accept:
    """What an `Accept` header allows. A stream only where it is named, or nothing else is left: `*/*` means JSON.

    Of two types the one of the greater weight comes first, of equal ones the one named first.
    """
    if not value.strip():
        return Accept(json=True, stream=False)
    ranks: dict[bytes, tuple[float, int]] = {}
    for place, part in enumerate(value.lower().split(b",")):
        kind, *parameters = part.split(b";")
        ranks[kind.strip()] = min((_weight(parameter) for parameter in parameters), default=1.0), -place

    def rank(kind: bytes) -> tuple[float, int]:
        group = kind.split(b"/")[0] + b"/*"
        return next((ranks[name] for name in (kind, group, b"*/*") if name in ranks), _REFUSED)

    json, stream = rank(b"application/json"), rank(b"text/event-stream")
    takes_json, takes_stream = json > _REFUSED, stream > _REFUSED
    if takes_json and b"text/event-stream" not in ranks:
        takes_stream = False
    return Accept(takes_json, takes_stream, takes_stream and stream > json)


def _weight(parameter: bytes) -> float:
    """1 where the parameter is no weight, or one that cannot be read."""
    name, _, value = parameter.partition(b"=")
    found = _WEIGHT.fullmatch(value.strip()) if name.strip() == b"q" else None
    return float(found[0]) if found else 1.0


def _refused(kind: Kind, text: str, message: Message | None = None) -> Rejection:
    return Rejection(Fault(kind, text), message.id) if message else Rejection(Fault(kind, text))
