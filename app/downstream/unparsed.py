"""What our nginx asks after it refused a request while it read its headers: were there two `Authorization` among them?

It answers those with 400, as anything malformed, where they are one more wrong key: 401 (RELIABILITY.md B46). It cannot
tell the causes apart, and sends the headers that it has read here (nginx/snippets/error-pages.conf).
"""

from litestar.types import Receive, Scope, Send

from app.downstream.authenticators import Authenticator
from app.downstream.faults import plain, to_plain
from app.downstream.refusals import headers_of
from app.downstream.response import send_json

PATH = b"/_unparsed"
# For nginx alone, which says it in its own words.
_ANOTHER_CAUSE = plain("invalid_request", "Not an HTTP request this server can read")


class Unparsed:
    """An ASGI app for that one path. No key is looked up: a valid one among two counts for nothing."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the shape of an app
        if sum(name == b"authorization" for name, _ in scope["headers"]) < 2:
            await send_json(send, 400, _ANOTHER_CAUSE)
            return
        fault = self._authenticator.refuse(scope)
        headers = [(name.encode(), value.encode()) for name, value in headers_of(fault).items()]
        await send_json(send, fault.row.modern, to_plain(fault), headers)
