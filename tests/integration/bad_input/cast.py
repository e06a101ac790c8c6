"""The servers and clients of the bad-input tests, and what every refusal owes: nothing breaks for the next one."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.gateway import UNLIMITED
from tests.support.programs import workbench
from tests.support.wire import META, Answer, Caller, Headers

KEY = "key-of-a-client-0123456789abcdefghij"
EXPIRED = "key-of-an-expired-client-0123456789"
DISABLED = "key-of-a-disabled-client-0123456789"
NARROW = "key-of-the-narrow-client-0123456789"
MAX_BODY = 1 << 20

CONFIG: dict[str, Any] = {"mcpServers": {"bench": workbench("bench"), "second": workbench("second")}}
KEYS: dict[str, Any] = {
    KEY: {"client_id": "wide", "scopes": ["*"]},
    EXPIRED: {"client_id": "expired", "expires_at": "2020-01-01T00:00:00Z"},
    DISABLED: {"client_id": "disabled", "enabled": False},
    NARROW: {"client_id": "narrow", "scopes": ["second"]},
}
ENVIRONMENT = {"MCP_MAX_BODY": "1mb", **UNLIMITED}

MakeCaller = Callable[..., Caller]
Refuses = Callable[..., Awaitable[Any]]
NOT_FOUND = b'{"error":"not_found","error_description":"Not found"}'
UNAUTHENTICATED = (
    b'{"error":"invalid_token","error_description":"Missing or unknown API key. Send: Authorization: Bearer <key>"}'
)
MODERN_META = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}


def refusal(answer: Answer, status: int, *codes: int) -> Any:
    """Checks a JSON-RPC error of this status and one of these codes; gives the whole message."""
    assert answer.status == status, (answer.status, answer.body[:300])
    message = answer.json()
    assert message.get("jsonrpc") == "2.0", message
    assert message["error"]["code"] in codes, message
    assert message["error"]["message"]
    assert "Traceback" not in answer.body.decode()
    return message


def plain_refusal(answer: Answer, status: int) -> None:
    """Checks an error of HTTP's own: no JSON-RPC request was read yet."""
    assert answer.status == status, (answer.status, answer.body[:300])
    body = answer.json()
    assert set(body) == {"error", "error_description"}, body
    assert "Traceback" not in answer.body.decode()


async def still_works(caller: Caller) -> None:
    """The next good request, in both eras."""
    for era in ("legacy", "modern"):
        next_one = Caller(caller.host, caller.port, KEY, era)
        reply = await next_one.call("bench__whoami")
        assert reply.text.startswith("bench ")


async def refused(
    caller: Caller, raw: bytes | str, status: int, *codes: int, headers: Headers | None = None, path: str | None = None
) -> Any:
    """Sends these bytes, expects this refusal, and then a good request that works. Gives the error message."""
    body = raw.encode() if isinstance(raw, str) else raw
    sent = headers
    if sent is None:
        sent = caller.headers("tools/call", {"name": "bench__whoami"})
    message = refusal(await caller.post(body, sent, path), status, *codes)
    await still_works(caller)
    return message


def call(
    caller: Caller, arguments: str = "{}", *, ident: str = "1", name: str = "bench__whoami", more: str = ""
) -> str:
    """A `tools/call` written by hand, with the envelope of the caller's era."""
    meta = f',"_meta":{json.dumps(MODERN_META)}' if caller.era == "modern" else ""
    params = f'{{"name":"{name}","arguments":{arguments}{meta}{more}}}'
    return f'{{"jsonrpc":"2.0","id":{ident},"method":"tools/call","params":{params}}}'


def headers_but(caller: Caller, **changed: str | None) -> list[tuple[str, str]]:
    """The caller's headers for a call, some replaced (`content_type="…"`) or left out (None)."""
    replaced = {name.replace("_", "-").title(): value for name, value in changed.items()}
    sent = [pair for pair in caller.headers("tools/call", {"name": "bench__whoami"}) if pair[0] not in replaced]
    return sent + [(name, value) for name, value in replaced.items() if value is not None]


def assert_unauthenticated(answer: Answer) -> None:
    assert (answer.status, answer.body) == (401, UNAUTHENTICATED)
    assert answer.header("www-authenticate") == "Bearer"
    answer.json()
