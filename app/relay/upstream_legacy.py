"""The legacy half towards servers: a neutral request becomes the params of a 2024-11-05 to 2025-11-25 message.

Pure. Theory of operation: the neutral form is modern, so what the modern revision alone knows is taken out of `_meta`,
and our own progress token put in when the client wants progress (PROTOCOL.md section 8).
"""

import msgspec

from app.protocol.versions import Era
from app.relay.continuation import ANSWERS, STATE
from app.relay.events import Finished, NeedsInput, PeerError, Question, Request, Result
from app.relay.questions import of_error

MODERN_META = "io.modelcontextprotocol/"


def to_params(request: Request, token: int) -> bytes:
    """The `params` of the wire message. `token` is the progress token to mint, used only if the client sent one."""
    meta = request.meta
    if meta:
        meta = {key: value for key, value in meta.items() if not key.startswith(MODERN_META)}
    if request.token:
        meta = {**meta, "progressToken": msgspec.Raw(b"%d" % token)}
    params = request.params
    if ANSWERS in params or STATE in params:  # to a question that was no message of this era
        params = {name: value for name, value in params.items() if name not in (ANSWERS, STATE)}
    if not meta:
        return msgspec.json.encode(params)
    return msgspec.json.encode({**params, "_meta": meta})


def to_question(finished: Finished) -> Finished | NeedsInput:
    """The error that sends a person to an address first (2025-11-25) as the question it is; any other answer as it is.

    For clients without a session: one of the server's own era knows the error.
    """
    asked = of_error(finished.outcome) if isinstance(finished.outcome, PeerError) else None
    if asked is None:
        return finished
    raw = msgspec.json.encode({"resultType": "input_required", "inputRequests": asked})
    return NeedsInput(Question(asked, Result(msgspec.Raw(raw), Era.LEGACY)))
