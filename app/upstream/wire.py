"""The JSON-RPC envelope of what a server sends: read once, only as deep as correlation needs.

Pure. Servers are trusted with nothing: whatever arrives becomes an `Envelope` or None, and never an exception
(RELIABILITY.md F07, B26). Below the envelope the bytes stay as the server wrote them.
"""

import re

import msgspec

ABSENT = msgspec.Raw()
# An id at the very front, for messages that no parser takes.
_EARLY_ID = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*"?(\d{1,15})"?\s*,')
_DIGITS = re.compile(r"\d{1,15}")


class Envelope(msgspec.Struct):
    """The members of a message; `ABSENT` where there is none."""

    id: int | str | float | None = None
    method: str = ""
    params: msgspec.Raw = ABSENT
    result: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _Identified(msgspec.Struct):
    id: int | str | float | None = None


class ProgressParams(msgspec.Struct):
    token: int | str | float | None = msgspec.field(name="progressToken", default=None)


class CancelledParams(msgspec.Struct):
    id: int | str | float | None = msgspec.field(name="requestId", default=None)


_decode = msgspec.json.Decoder(Envelope).decode
_decode_id = msgspec.json.Decoder(_Identified).decode
_decode_plain = msgspec.json.Decoder(int | str | float).decode
_decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_cancelled = msgspec.json.Decoder(CancelledParams).decode
_decode_progress = msgspec.json.Decoder(ProgressParams).decode


def read_envelope(message: bytes) -> Envelope | None:
    """The envelope, or None for what is no JSON-RPC message."""
    try:
        return _decode(message)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_batch(message: bytes) -> list[bytes]:
    """The members of a JSON array (2025-03-26); nothing for anything else."""
    if message.lstrip()[:1] != b"[":
        return []
    try:
        return [bytes(member) for member in _decode_batch(message)]
    except (msgspec.DecodeError, RecursionError):
        return []


def repaired(message: bytes) -> bytes:
    """The message in valid UTF-8: a stray byte spoils its character and nothing else."""
    if message.isascii():
        return message
    try:
        message.decode()
    except UnicodeDecodeError:
        return message.decode(errors="replace").encode()
    return message


def named_id(message: bytes) -> int | None:
    """Which of our requests a malformed message means to answer, as far as it can be told."""
    try:
        return own_id(_decode_id(message).id)
    except (msgspec.DecodeError, RecursionError):
        match = _EARLY_ID.match(message)
        return int(match[1]) if match else None


def own_id(value: float | str | None) -> int | None:
    """One of our integer ids, also from a server that writes it as a string or as 7.0."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if value is not None and _DIGITS.fullmatch(value) else None


def progress_token(params: msgspec.Raw) -> int | None:
    """The token of a progress notification, which is the id of our request."""
    try:
        return own_id(_decode_progress(params).token)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_cancelled(params: msgspec.Raw) -> float | str | None:
    """The id of the request that a server takes back."""
    try:
        return _decode_cancelled(params).id
    except (msgspec.DecodeError, RecursionError):
        return None


def subscription_id(raw: msgspec.Raw) -> int | None:
    """The request of ours whose feed a notification is of, by its name."""
    try:
        return own_id(_decode_plain(raw))
    except (msgspec.DecodeError, RecursionError):
        return None


def is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"
