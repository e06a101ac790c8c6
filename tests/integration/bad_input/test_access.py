"""Keys and origins: one 401 for every cause, one 403, and what browsers ask first (B12, B46, B47)."""

import hashlib
import json

import pytest

from tests.integration.bad_input.cast import (
    DISABLED,
    EXPIRED,
    KEY,
    MakeCaller,
    assert_unauthenticated,
    call,
    headers_but,
    still_works,
)
from tests.support.wire import Answer, Caller

BASIC = "Basic " + "dXNlcjpwYXNz"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        KEY,
        BASIC,
        f"Basic {KEY}",
        f"Token {KEY}",
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY.upper()}",
        f"Bearer {KEY} {KEY}",
        f"Bearer\t{KEY}",
        f"Bearer Bearer\t{KEY}",
        f"Bearer {KEY},{KEY}",
        f"Bearer sha256:{hashlib.sha256(KEY.encode()).hexdigest()}",
        f"Bearer {EXPIRED}",
        f"Bearer {DISABLED}",
        "Bearer \xe9\xff",
        "Bearer " + "x" * 4000,
    ],
)
async def test_every_wrong_key_gets_the_one_401(client: MakeCaller, era: str, authorization: str | None) -> None:
    caller = client(era)
    answer = await caller.post(call(caller).encode(), headers_but(caller, authorization=authorization))
    assert_unauthenticated(answer)
    await still_works(caller)


@pytest.mark.parametrize(
    "path", ["/mcp?api_key={}", "/mcp?access_token={}", "/mcp?token={}", "/mcp?Authorization=Bearer%20{}"]
)
async def test_a_key_in_the_query_is_no_key(client: MakeCaller, path: str) -> None:
    caller = client()
    answer = await caller.post(call(caller).encode(), headers_but(caller, authorization=None), path.format(KEY))
    assert_unauthenticated(answer)


async def test_a_key_in_another_header_is_no_key(client: MakeCaller) -> None:
    caller = client()
    for name in ("X-API-Key", "Api-Key", "Proxy-Authorization", "Cookie"):
        sent = [*headers_but(caller, authorization=None), (name, KEY)]
        assert_unauthenticated(await caller.post(call(caller).encode(), sent))


async def test_two_authorization_headers_are_no_key(client: MakeCaller) -> None:
    caller = client()
    for second in (f"Bearer {KEY}", "Bearer other"):
        answer = await caller.post(call(caller).encode(), [*headers_but(caller), ("Authorization", second)])
        assert_unauthenticated(answer)
    await still_works(caller)


@pytest.mark.parametrize(
    "scheme", ["bearer {}", "BEARER {}", "Bearer Bearer {}", "bearer BEARER {}", "Bearer  {}", "Bearer {} "]
)
async def test_the_scheme_is_read_liberally(client: MakeCaller, scheme: str) -> None:
    caller = client()
    answer = await caller.post(call(caller).encode(), headers_but(caller, authorization=scheme.format(KEY)))
    assert answer.status == 200, answer.body


async def test_every_wrong_key_gets_the_same_401_before_the_body_is_looked_at(client: MakeCaller) -> None:
    caller = client(key="wrong-key-0123456789")
    for body in (b"", b"{", b"\xff", b"x" * 10_000):
        assert_unauthenticated(await caller.post(body))
    assert_unauthenticated(await caller.post(b"{}", [*caller.headers(), ("Mcp-Session-Id", "x")]))


@pytest.mark.requirement("http.origin")
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "file://", "x"],
)
async def test_a_foreign_origin_is_forbidden_before_anything_else(client: MakeCaller, era: str, origin: str) -> None:
    for caller in (client(era), client(era, key=None)):
        answer = await caller.post(call(caller).encode(), [*headers_but(caller), ("Origin", origin)])
        assert answer.status == 403, answer
        answer.json()
        assert answer.header("access-control-allow-origin") is None
    await still_works(client())


async def test_the_own_and_loopback_origins_may_call(client: MakeCaller, era: str) -> None:
    caller = client(era)
    for origin in (f"http://127.0.0.1:{caller.port}", f"http://localhost:{caller.port}", "http://localhost:6274"):
        answer = await caller.post(call(caller).encode(), [*headers_but(caller), ("Origin", origin)])
        assert answer.status == 200, (origin, answer.body)
        assert answer.header("access-control-allow-origin") == origin


async def preflight(caller: Caller, origin: str, path: str = "/mcp") -> Answer:
    wanted = "authorization, content-type, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, mcp-param-x"
    headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", wanted),
    ]
    async with await caller.wire() as wire:
        return await wire.request("OPTIONS", path, headers)


@pytest.mark.parametrize("path", ["/mcp", "/servers/bench/mcp", "/health"])
async def test_a_preflight_is_answered_without_a_key(client: MakeCaller, path: str) -> None:
    answer = await preflight(client(key=None), "http://localhost:6274", path)
    assert answer.status in (200, 204), answer
    assert answer.header("access-control-allow-origin") == "http://localhost:6274"
    allowed = (answer.header("access-control-allow-headers") or "").lower().replace(" ", "").split(",")
    wanted = {"authorization", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id"}
    assert wanted <= set(allowed)
    assert "mcp-param-x" in allowed
    assert "POST" in (answer.header("access-control-allow-methods") or "")
    assert "origin" in (answer.header("vary") or "").lower()


async def test_a_browser_may_read_the_session_id(client: MakeCaller) -> None:
    caller = client()
    body = json.dumps(caller.body("tools/list", None, 1)).encode()
    answer = await caller.post(body, [*caller.headers("tools/list"), ("Origin", "http://localhost:6274")])
    exposed = (answer.header("access-control-expose-headers") or "").lower()
    assert "mcp-session-id" in exposed
    assert "www-authenticate" in exposed


async def test_a_preflight_from_a_foreign_origin_allows_nothing(client: MakeCaller) -> None:
    answer = await preflight(client(key=None), "https://evil.example")
    assert answer.status == 403
    assert answer.header("access-control-allow-origin") is None
