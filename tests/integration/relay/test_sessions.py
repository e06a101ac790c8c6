"""Legacy sessions: always issued, never needed, and nobody else's (INTERFACE.md, "Liberal towards clients")."""

import pytest

from tests.integration.relay.cast import OTHER, WIDE, MakeCaller

SESSIONS = ("2025-03-26", "2025-06-18", "2025-11-25")


@pytest.mark.parametrize("version", SESSIONS)
async def test_initialize_issues_a_session_in_the_revision_asked_for(client: MakeCaller, version: str) -> None:
    caller = client()
    reply = await caller.initialize(version)
    assert reply.result["protocolVersion"] == version
    assert reply.result["serverInfo"]["name"]
    assert caller.session
    assert all(0x21 <= ord(char) <= 0x7E for char in caller.session)
    assert len(caller.session) >= 22, "128 bits in base64"
    assert (await caller.ask("tools/list")).result["tools"]


@pytest.mark.parametrize("version", ["2026-07-28", "1999-01-01", "", "2025-11-26"])
async def test_a_revision_that_initialize_cannot_speak_gets_our_latest(client: MakeCaller, version: str) -> None:
    assert (await client().initialize(version)).result["protocolVersion"] == "2025-11-25"


async def test_no_two_sessions_have_one_id(client: MakeCaller) -> None:
    seen: set[str | None] = set()
    for _ in range(20):
        caller = client()
        await caller.initialize()
        seen.add(caller.session)
    assert len(seen) == 20


async def test_a_session_belongs_to_the_one_who_opened_it(client: MakeCaller) -> None:
    owner = client(WIDE)
    await owner.initialize()
    thief = client(OTHER, session=owner.session, version=owner.version)
    for method in ("tools/list", "ping"):
        stolen = await thief.ask(method)
        assert (stolen.status, stolen.error["code"]) == (404, -32600)
    async with await thief.wire() as wire:
        assert (await wire.request("DELETE", "/mcp", thief.headers())).status == 404
    assert (await owner.ask("ping")).result == {}


async def test_an_id_nobody_has_is_not_found_in_the_same_words(client: MakeCaller) -> None:
    owner = client(WIDE)
    await owner.initialize()
    stolen = await client(OTHER, session=owner.session).ask("ping", ident=1)
    guessed = await client(OTHER, session="w0-" + "A" * 22).ask("ping", ident=1)
    malformed = await client(OTHER, session="x").ask("ping", ident=1)
    assert stolen.answer.body == guessed.answer.body == malformed.answer.body
    assert {stolen.status, guessed.status, malformed.status} == {404}


async def test_the_owner_ends_a_session_with_delete(client: MakeCaller) -> None:
    owner = client()
    await owner.initialize()
    async with await owner.wire() as wire:
        assert (await wire.request("DELETE", "/mcp", owner.headers())).status in (200, 202, 204)
        assert (await wire.request("DELETE", "/mcp", owner.headers())).status == 404
    assert (await owner.ask("ping")).status == 404


async def test_a_legacy_request_without_a_session_is_served(client: MakeCaller) -> None:
    for version in (None, *SESSIONS):
        caller = client(version=version)
        assert (await caller.ask("tools/list")).result["tools"]
        assert (await caller.call("delta__whoami")).text.startswith("delta ")
        assert (await caller.notify("notifications/initialized")).status == 202
        assert (await caller.ask("tools/list")).answer.header("mcp-session-id") is None


@pytest.mark.requirement("messages.stateless")
async def test_a_modern_request_ignores_a_session_id(client: MakeCaller) -> None:
    caller = client(era="modern", session="nobody-has-this-id-000000")
    reply = await caller.ask("tools/list")
    assert reply.status == 200
    assert reply.answer.header("mcp-session-id") is None


async def test_get_and_delete_are_not_for_modern_clients(client: MakeCaller) -> None:
    caller = client(era="modern")
    async with await caller.wire() as wire:
        for method in ("GET", "DELETE"):
            answer = await wire.request(method, "/mcp", caller.headers("tools/list"))
            assert answer.status == 405
            assert "POST" in (answer.header("allow") or "")
