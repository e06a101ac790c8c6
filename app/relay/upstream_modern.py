"""The modern half towards servers: requests become params and headers of 2026-07-28, results become events.

Pure. The neutral form is modern already, so `_meta` passes whole; what is stamped is what the revision requires of
every request, and a progress token of our own (PROTOCOL.md sections 3.1 and 8; DESIGN.md rule 4).
"""

import msgspec

from app.protocol.headers import routing_headers
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROGRESS_TOKEN, PROTOCOL_VERSION
from app.protocol.mirrored import param_headers
from app.protocol.versions import Era
from app.relay.events import Finished, NeedsInput, Question, Request, Result

OUR_INFO = msgspec.Raw(b'{"name":"mcp-proxy","version":"0.1.0"}')
QUESTION = "input_required"
QUESTION_TEXT = b'"input_required"'


def to_params(request: Request, token: int, version: str) -> bytes:
    """The `params` of the wire message. `token` is the progress token to mint, used only if the client sent one."""
    meta = {
        **request.meta,
        PROTOCOL_VERSION: msgspec.Raw(b'"%b"' % version.encode()),
        CLIENT_CAPABILITIES: request.capabilities,
    }
    if CLIENT_INFO not in meta:
        meta[CLIENT_INFO] = OUR_INFO
    if request.token:
        meta[PROGRESS_TOKEN] = msgspec.Raw(b"%d" % token)
    params = request.params
    if "task" in params and request.method == "tools/call":  # how 2025-11-25 asks for a task; here the server decides
        params = {name: value for name, value in params.items() if name != "task"}
    return msgspec.json.encode({**params, "_meta": meta})


def to_headers(request: Request, version: str) -> dict[str, str]:
    """The headers an HTTP wire carries for this message, made from the params that are sent."""
    headers = routing_headers(request.method, request.params, version)
    if request.mirrored:
        headers |= param_headers(request.mirrored, request.params.get("arguments"))
    return headers


def to_outcome(raw: msgspec.Raw) -> Finished | NeedsInput:
    """What a server's `result` is: an answer, or a question. Decodes only what may be a question."""
    result = Result(raw, Era.MODERN)
    if QUESTION_TEXT in bytes(raw):
        members = members_of(raw) or {}
        if text_of(members.get("resultType")) == QUESTION:
            return NeedsInput(Question(members_of(members.get("inputRequests", b"")) or {}, result))
    return Finished(result)
