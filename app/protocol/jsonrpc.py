"""One JSON-RPC message out of bytes, or the reason why there is none; and envelopes back into bytes.

Pure. Values stay undecoded (`msgspec.Raw`) below the members that are read here. What JSON parsers disagree about
(invalid UTF-8, deep nesting, numbers no peer can hold, repeated keys) is decided in `decode` and nowhere else, so that
what we judge a message by is what the server sees (RELIABILITY.md section 2a, B24 to B33).
"""

import re
from functools import partial
from itertools import accumulate

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era

MAX_DEPTH = 128
TOO_DEEP = f"The JSON is nested deeper than {MAX_DEPTH} levels."
# Node's parser turns a number past 1.8e308 into Infinity, and CPython refuses an integer of more than 4300 digits.
MAX_DIGITS = 1000
MAX_ID_BYTES = 1024
# More messages than any client has at once, few enough to be worked on side by side.
MAX_BATCH = 100

# A string that never ends is taken to the end of the text: looking for another one inside it would be quadratic.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# As signed bytes, one level down and one up again.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
# Looked for where a run of digits begins, and there alone: from every digit on it would be quadratic.
_DIGITS = rb"(?<![0-9])[0-9]{%d}" % MAX_DIGITS
_LONG_RUN = re.compile(_DIGITS)
# Every digit as 0 and E as e: a search for fixed bytes then finds what may be too large, far faster than a pattern.
_DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_MANY_DIGITS = b"0" * MAX_DIGITS
_EXPONENT = re.compile(rb"(?<![0-9])-?[0-9]++(?:\.[0-9]++)?[eE]\+?[0-9]{3,}")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode
_tighten = partial(msgspec.json.format, indent=-1)

NO_RAW = msgspec.Raw()
NO_PARAMS: dict[str, msgspec.Raw] = {}


class Message(msgspec.Struct, frozen=True):
    """A client's message. `id` is its JSON as sent, empty for a notification; `method` is empty for a response.

    `result` and `error` are a response's; the other one is empty.
    """

    method: str
    id: msgspec.Raw
    params: dict[str, msgspec.Raw]
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()

    @property
    def is_request(self) -> bool:
        return bool(self.method) and bool(bytes(self.id))


class Rejection(msgspec.Struct, frozen=True):
    """A message that goes no further: why, the `id` to answer under where it was readable, and whose manners apply."""

    fault: Fault
    id: msgspec.Raw = NO_RAW
    era: Era = Era.LEGACY


def decode(body: bytes) -> Message | Rejection:
    """Read one message. Never raises."""
    unreadable = _unreadable(body)
    if unreadable is not None:
        return unreadable
    try:
        members = _members(body)
    except msgspec.ValidationError:
        text = "The body must be one JSON-RPC object"
        return _refused(Kind.INVALID_REQUEST, f"{text}; batches are not accepted." if is_array(body) else f"{text}.")
    except msgspec.DecodeError:
        return _refused(Kind.PARSE_ERROR, "The body is not valid JSON.")
    return _envelope(body, members)


def decode_batch(body: bytes) -> list[Message | Rejection] | Rejection:
    """Read the messages of an array, each judged by itself (2025-03-26, "Batching"). Never raises."""
    unreadable = _unreadable(body)
    if unreadable is not None:
        return unreadable
    try:
        members = _array(body)
    except msgspec.DecodeError:
        return _refused(Kind.PARSE_ERROR, "The body is not valid JSON.")
    if not members or len(members) > MAX_BATCH:
        return _refused(Kind.INVALID_REQUEST, f"A batch holds 1 to {MAX_BATCH} messages.")
    return [_member(bytes(member)) for member in members]


def _member(text: bytes) -> Message | Rejection:
    try:
        return _envelope(text, _members(text))
    except msgspec.DecodeError:
        return _refused(Kind.INVALID_REQUEST, "Each member of a batch must be a JSON-RPC object.")


def _unreadable(body: bytes) -> Rejection | None:
    """What is wrong with a body before it is known what it holds."""
    if not body.isascii() and not _is_utf8(body):
        return _refused(Kind.PARSE_ERROR, "The body is not valid UTF-8.")
    if len(body) > MAX_DEPTH and body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        return _refused(Kind.INVALID_REQUEST, TOO_DEEP)
    alike = body.translate(_DIGITS_ALIKE)
    # Written out, since a loop over the marks costs as much as the three searches.
    large = b"e000" in alike or b"e+000" in alike or (len(alike) >= MAX_DIGITS and _MANY_DIGITS in alike)
    if large and _has_unholdable_number(body):
        return _refused(Kind.PARSE_ERROR, "The JSON holds a number that is too large.")
    return None


def _envelope(body: bytes, members: dict[str, msgspec.Raw]) -> Message | Rejection:
    ident = members.get("id", NO_RAW)
    raw_id = bytes(ident)
    if raw_id and not _is_id(raw_id):
        return _refused(Kind.INVALID_REQUEST, f"`id` must be a string or a number of {MAX_ID_BYTES} bytes at most.")
    tight = members if len(body) == len(_encode(members)) else _tightened(body, members)
    if tight is None:
        return _refused(Kind.INVALID_REQUEST, "A member of the message is given twice.", ident)
    if bytes(members.get("jsonrpc", NO_RAW)) != b'"2.0"':
        return _refused(Kind.INVALID_REQUEST, '`jsonrpc` must be "2.0".', ident)
    if "method" not in members:
        if "result" in members or "error" in members:
            return Message("", ident, NO_PARAMS, members.get("result", NO_RAW), members.get("error", NO_RAW))
        return _refused(Kind.INVALID_REQUEST, "`method` is missing.", ident)
    try:
        method = _text(members["method"])
    except msgspec.DecodeError:
        return _refused(Kind.INVALID_REQUEST, "`method` must be a string.", ident)
    if not method:
        return _refused(Kind.INVALID_REQUEST, "`method` is empty.", ident)
    if "params" not in members:
        return Message(method, ident, NO_PARAMS)
    try:
        params = _members(members["params"])
    except msgspec.DecodeError:
        return _refused(Kind.INVALID_PARAMS, "`params` must be an object.", ident)
    # Judged without blanks, and passed on as they were written.
    written, within = tight["params"], params if tight is members else _members(tight["params"])
    if len(written) != len(_encode(within)) and repeats_key(written, within):
        return _refused(Kind.INVALID_PARAMS, "A member of `params` is given twice.", ident)
    return Message(method, ident, params)


def members_of(raw: msgspec.Raw | bytes) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, undecoded; None when it is not an object."""
    try:
        return _members(raw)
    except (msgspec.DecodeError, RecursionError):  # a server's text may be nested as deep as it likes
        return None


def text_of(raw: msgspec.Raw | bytes | None) -> str | None:
    """A JSON string's value; None when it is not a string."""
    if raw is None:
        return None
    try:
        return _text(raw)
    except msgspec.DecodeError:
        return None


def repeats_key(text: bytes | msgspec.Raw, members: dict[str, msgspec.Raw]) -> bool:
    """Whether the object `text` has a key twice (decoding kept the last, `members`).

    Nothing that means these members is shorter than they are as written by us, so compact JSON, which clients send, is
    settled by its length, and JSON with blanks (Python's) by its length without them: both far faster than looking into
    its strings. Only what escapes more than it must is settled by its colons: each member has one, and those of its
    value.
    """
    return len(text) != len(_encode(members)) and _tightened(bytes(text), members) is None


def _tightened(text: bytes, members: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw] | None:
    """The members without blanks, so that those within them are settled by their length; None where a key repeats."""
    tight = _tighten(text)
    found = _members(tight)
    if len(tight) == len(_encode(found)):
        return found
    return found if _colons(text) == len(members) + _colons(b",".join(members.values())) else None


def is_array(body: bytes) -> bool:
    """Whether it looks like a batch."""
    return body[:1] != b"{" and body.lstrip()[:1] == b"["


def result(ident: bytes, raw: bytes) -> bytes:
    """The envelope of a successful answer."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (ident, raw)


def error(ident: bytes, raw: bytes) -> bytes:
    """The envelope of an error; without an id where there was none to read."""
    if not ident:
        return b'{"jsonrpc":"2.0","error":%b}' % raw
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (ident, raw)


def request(ident: int, said: msgspec.Raw) -> bytes:
    """A request of ours; `said` is the object of its method and params."""
    members = members_of(said) or {}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": ident, **members})


def notification(method: str, params: bytes) -> bytes:
    """A message nobody answers."""
    if not params:
        return b'{"jsonrpc":"2.0","method":%b}' % msgspec.json.encode(method)
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (msgspec.json.encode(method), params)


def _refused(kind: Kind, message: str, ident: msgspec.Raw = NO_RAW) -> Rejection:
    return Rejection(Fault(kind, message), ident)


def _colons(text: bytes) -> int:
    if b"\\" not in text:
        # Every quote opens or closes a string then, so that each second piece lies outside of them.
        return b"".join(text.split(b'"')[::2]).count(b":")
    return _STRING.sub(b"", text).count(b":")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_id(raw: bytes) -> bool:
    return len(raw) <= MAX_ID_BYTES and (raw[:1] == b'"' or raw[:1].isdigit() or raw[:1] == b"-")


def _depth(body: bytes) -> int:
    """How deep brackets nest; of any kind, since what mixes them up is left to the parser."""
    steps = _STRING.sub(b"", body).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def _has_unholdable_number(body: bytes) -> bool:
    outside = _STRING.sub(b"0", body)
    if _LONG_RUN.search(outside):
        return True
    return any(float(number) in (float("inf"), float("-inf")) for number in _EXPONENT.findall(outside))
