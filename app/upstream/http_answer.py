"""What an HTTP response says about the request it answers. Reads bodies, decides nothing about sessions or tasks.

Servers are liberal with shapes: an error may lack its id (2026-07-28 allows it), a body may be an array (2025-03-26),
an id may come back as a string. HTTP itself says which request is meant.
"""

import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager

import msgspec
from aiohttp import ClientPayloadError, ClientResponse

from app.protocol import jsonrpc
from app.upstream.wire import ABSENT, is_object, own_id, read_envelope

_METHOD_NOT_FOUND = -32601
# What the servers of the TypeScript SDK's examples answer, with 400, to a session they lost; the spec has 404 for it.
_LOST_SESSION_CODE = -32000
_LOST_SESSION = re.compile(r"session|not initialized", re.IGNORECASE)


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Agreed(msgspec.Struct):
    version: str = msgspec.field(name="protocolVersion", default="")


async def read_body(response: ClientResponse, limit: int) -> bytes | None:
    """The whole body; None for one over `limit` bytes. Raises what `FAILURES` lists."""
    if (response.content_length or 0) > limit:
        return None
    content = response.content
    if content.is_eof() and not content.exception():
        # It came with the head, as small answers do: one read, and no connection to watch meanwhile.
        body = content.read_nowait()
        return body if len(body) <= limit else None
    parts: list[bytes] = []
    size = 0
    with ending(response):
        while chunk := await content.readany():
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                return None
    return b"".join(parts)


@contextmanager
def ending(response: ClientResponse) -> Generator[None]:
    """Within, reading raises when the connection is gone.

    By itself the client forgets the reader of a body in which it meets a corrupt chunk (aiohttp 3.14.5).
    """
    content, connection = response.content, response.connection
    if content.is_eof() or content.exception():
        yield
        return
    # Compared with None, since a protocol with nothing queued is false.
    protocol = connection.protocol if connection is not None else None
    closed = protocol.closed if protocol is not None else None
    if closed is None:
        raise ClientPayloadError("connection lost")

    def ended(closed: asyncio.Future[None]) -> None:
        cause = None if closed.cancelled() else closed.exception()
        if not content.is_eof() and content.exception() is None:
            content.set_exception(ClientPayloadError(f"connection lost: {cause}"))

    closed.add_done_callback(ended)
    try:
        yield
    finally:
        closed.remove_done_callback(ended)


def as_answer(text: bytes, request_id: int) -> tuple[bytes, bool]:
    """A message that came for a request, and whether it answers it; an error that lacks its id is given it."""
    if _starts_answer(text, request_id):
        return text, True
    envelope = read_envelope(text)
    if envelope is None or envelope.method:
        return text, False
    if envelope.id is None and envelope.error is not ABSENT and is_object(envelope.error):
        return jsonrpc.error(b"%d" % request_id, bytes(envelope.error)), True
    return text, own_id(envelope.id) == request_id


def _starts_answer(text: bytes, request_id: int) -> bool:
    """The order of members in which most servers write; anything else is parsed."""
    head = b'{"jsonrpc":"2.0","id":%d,' % request_id
    return text.startswith(head) and text.startswith((b'"result":', b'"error":'), len(head))


def error_in(body: bytes) -> bytes | None:
    """The JSON-RPC error object of a refusal's body."""
    envelope = read_envelope(body)
    return bytes(envelope.error) if envelope and not envelope.method and is_object(envelope.error) else None


def loses_session(status: int, error: bytes | None) -> bool:
    """Whether a refusal means that the session we named is gone."""
    told = _read_error(error)
    if status == 404:
        return told is None or told.code != _METHOD_NOT_FOUND
    return (
        status == 400
        and told is not None
        and told.code == _LOST_SESSION_CODE
        and bool(_LOST_SESSION.search(told.message))
    )


def agreed_version(text: bytes) -> str:
    """The revision in the answer to `initialize`; empty when it names none."""
    envelope = read_envelope(text)
    if envelope is None or not is_object(envelope.result):
        return ""
    try:
        return msgspec.json.decode(envelope.result, type=_Agreed).version
    except (msgspec.DecodeError, RecursionError):
        return ""


def _read_error(error: bytes | None) -> _Error | None:
    if error is None:
        return None
    try:
        return msgspec.json.decode(error, type=_Error)
    except (msgspec.DecodeError, RecursionError):
        return None
