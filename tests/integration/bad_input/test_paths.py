"""Methods and paths: the endpoints, `/health`, and one 404 for everything else (B14, B56)."""

import pytest

from tests.integration.bad_input.cast import (
    EXPIRED,
    KEY,
    NARROW,
    NOT_FOUND,
    MakeCaller,
    assert_unauthenticated,
    still_works,
)


@pytest.mark.requirement("http.endpoint")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/servers/bench/mcp"])
async def test_another_method_on_the_endpoint_is_told_which_there_are(
    client: MakeCaller, method: str, path: str
) -> None:
    caller = client()
    async with await caller.wire() as wire:
        answer = await wire.request(method, path, caller.headers(), b"{}")
    assert answer.status == 405, answer
    allowed = (answer.header("allow") or "").replace(" ", "").split(",")
    assert "POST" in allowed
    assert method not in allowed
    answer.json()
    await still_works(caller)


@pytest.mark.parametrize("path", ["/mcp", "/nowhere", "/health"])
async def test_a_method_that_http_does_not_know_is_refused(client: MakeCaller, path: str) -> None:
    caller = client()
    async with await caller.wire() as wire:
        answer = await wire.request("FOO", path, caller.headers())
    assert answer.status in (400, 404, 405), "parsers refuse it before it has a path"
    await still_works(caller)


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_health_is_only_read(client: MakeCaller, method: str) -> None:
    caller = client()
    async with await caller.wire() as wire:
        answer = await wire.request(method, "/health", caller.headers(), b"{}")
    assert answer.status == 405
    assert "GET" in (answer.header("allow") or "")
    answer.json()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/", "/favicon.ico", "/.git/config", "/robots.txt", "/mcp/x", "/MCP", "//mcp", "/mcp//", "/healthz",
        "/health/x", "/servers", "/servers/", "/servers/bench", "/servers//mcp", "/servers/bench/mcp/x", "/x?y=1",
        "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/x/../secret",
        "/metrics", "/status", "/schema", "/docs", "/_e/400", "/_e/404",
    ],
)  # fmt: skip
async def test_any_other_path_is_the_one_404(client: MakeCaller, method: str, path: str) -> None:
    for caller in (client(), client(key=None)):
        async with await caller.wire() as wire:
            answer = await wire.request(method, path, caller.headers(), b"{}" if method in ("POST", "PUT") else None)
        assert (answer.status, answer.body) == (404, NOT_FOUND), (method, path, answer)
        assert answer.header("content-type") == "application/json"


async def test_health_without_a_key_says_that_it_is_there_and_no_more(client: MakeCaller) -> None:
    async with await client().wire() as wire:
        for path in ("/health", "/health/"):
            answer = await wire.request("GET", path)
            assert (answer.status, answer.json()) == (200, {"status": "healthy", "service": "mcp-proxy"})


async def test_health_with_a_key_names_the_servers_that_client_may_see(client: MakeCaller) -> None:
    for key, servers in ((KEY, ["bench", "second"]), (NARROW, ["second"])):
        async with await client().wire() as wire:
            seen = (await wire.request("GET", "/health", [("Authorization", f"Bearer {key}")])).json()
        assert seen["status"] == "healthy"
        assert seen["service"] == "mcp-proxy"
        assert seen["servers"] == servers
        assert set(seen["details"]) == set(servers)
        for detail in seen["details"].values():
            assert detail["state"]
            assert detail["tools"] > 0
            assert detail["since"]


async def test_health_with_a_wrong_key_is_never_the_basic_answer(client: MakeCaller) -> None:
    async with await client().wire() as wire:
        for value in ("Bearer wrong-key-000000", f"Bearer {EXPIRED}", "Basic eA==", "Bearer"):
            for path in ("/health", "/health/live", "/health/ready"):
                assert_unauthenticated(await wire.request("GET", path, [("Authorization", value)]))


async def test_liveness_and_readiness_need_no_key(client: MakeCaller) -> None:
    async with await client().wire() as wire:
        for path in ("/health/live", "/health/ready"):
            answer = await wire.request("GET", path)
            assert answer.status == 200
            answer.json()
