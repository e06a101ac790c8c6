"""The modern half towards servers: a neutral request becomes the params and headers of a 2026-07-28 message.

Pure. The neutral form is modern already, so `_meta` passes whole; what is stamped is what the revision requires of
every request, and a progress token of our own (PROTOCOL.md sections 3.1 and 8; DESIGN.md rule 4).
"""

import msgspec

from app.protocol.headers import routing_headers
from app.protocol.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROGRESS_TOKEN, PROTOCOL_VERSION
from app.relay.events import Request

OUR_INFO = msgspec.Raw(b'{"name":"mcp-proxy","version":"0.1.0"}')
# A shared session can answer no question of a server's, so it declares nothing.
NO_CAPABILITIES = msgspec.Raw(b"{}")


def to_params(request: Request, token: int, version: str) -> bytes:
    """The `params` of the wire message. `token` is the progress token to mint, used only if the client sent one."""
    meta = {
        **request.meta,
        PROTOCOL_VERSION: msgspec.Raw(b'"%b"' % version.encode()),
        CLIENT_CAPABILITIES: NO_CAPABILITIES,
    }
    if CLIENT_INFO not in meta:
        meta[CLIENT_INFO] = OUR_INFO
    if request.token:
        meta[PROGRESS_TOKEN] = msgspec.Raw(b"%d" % token)
    return msgspec.json.encode({**request.params, "_meta": meta})


def to_headers(method: str, params: dict[str, msgspec.Raw], version: str) -> dict[str, str]:
    """The headers an HTTP wire carries for this message, made from the params that are sent."""
    return routing_headers(method, params, version)
