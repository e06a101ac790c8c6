"""The legacy half towards servers: a neutral request becomes the params of a 2024-11-05 to 2025-11-25 message.

Pure. Theory of operation: the neutral form is modern, so what the modern revision alone knows is taken out of `_meta`,
and our own progress token put in when the client wants progress (PROTOCOL.md section 8).
"""

import msgspec

from app.relay.events import Request

MODERN_META = "io.modelcontextprotocol/"


def to_params(request: Request, token: int) -> bytes:
    """The `params` of the wire message. `token` is the progress token to mint, used only if the client sent one."""
    meta = request.meta
    if meta:
        meta = {key: value for key, value in meta.items() if not key.startswith(MODERN_META)}
    if request.token:
        meta = {**meta, "progressToken": msgspec.Raw(b"%d" % token)}
    if not meta:
        return msgspec.json.encode(request.params)
    return msgspec.json.encode({**request.params, "_meta": meta})
