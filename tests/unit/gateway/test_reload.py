"""Edits applied to a gateway that serves."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.config.keys import read_keyring
from app.gateway import gateway as gateway_module
from app.gateway.reload import CONFIG, KEYS
from app.gateway.watch import Bell
from app.protocol.faults import Fault, Kind
from app.relay.events import Result
from app.upstream.upstream import State
from tests.support.programs import workbench
from tests.support.upstreams import alive
from tests.unit.gateway.editing import KEY, PATIENCE, SILENT, edited, until


async def test_servers_come_and_go_and_the_others_keep_process_and_place(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a"), "b": workbench("b")}) as house:
        kept, gone = house.upstreams["a"], house.upstreams["b"]
        pids = await house.pid_of("a"), await house.pid_of("b")
        house.edit({"c": workbench("c"), "a": workbench("a")})
        assert list(house.upstreams) == ["c", "a"]
        assert house.upstreams["a"] is kept
        await house.all_ready()
        assert await house.pid_of("a") == pids[0]
        assert house.tools[0].startswith("c__")
        await until(lambda: gone.state is State.STOPPED)
        assert not alive(pids[1])


async def test_names_filters_and_limits_change_without_a_restart(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        former, pid = house.gateway.current, await house.pid_of("a")
        house.edit({"a": {**workbench("a"), "prefix": "p", "tools": ["whoami"], "timeout": 7}})
        assert house.tools == ["p__whoami"]
        assert house.gateway.current is not former
        assert house.gateway.current.specs["a"].timeout == 7
        assert await house.pid_of("p") == pid


async def test_calls_that_outlast_their_server_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "RETIRE_CALLS", 0.05)
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        client, held = house.call("a__hold", label="x")
        await until(lambda: house.gateway.drivers)
        house.edit({})
        refused, late = house.call("a__whoami")
        await asyncio.wait_for(late, PATIENCE)
        await asyncio.wait_for(held, PATIENCE)
    assert [outcome.kind for outcome in client.outcomes if isinstance(outcome, Fault)] == [Kind.CLOSED]
    assert [outcome.kind for outcome in refused.outcomes if isinstance(outcome, Fault)] == [Kind.HIDDEN]
    (told,) = client.outcomes
    assert isinstance(told, Fault)
    assert "unknown" in told.message


async def test_a_call_that_waits_for_a_server_that_is_replaced_or_removed_goes_on_or_is_told_that_it_was_not_sent(
    tmp_path: Path,
) -> None:
    async with edited(tmp_path, {"b": workbench("b")}) as house:
        house.edit({"a": SILENT, "b": workbench("b"), "c": SILENT})
        moved, follows = house.call("a__whoami")
        refused, removed = house.call("c__whoami")
        await until(lambda: len(house.gateway.drivers) == 2)
        house.edit({"a": {**workbench("a"), "replace": "always"}, "b": workbench("b")})
        await asyncio.wait_for(removed, PATIENCE)
        await asyncio.wait_for(follows, PATIENCE)
    assert [type(outcome) for outcome in moved.outcomes] == [Result]
    (told,) = refused.outcomes
    assert isinstance(told, Fault)
    assert "was not sent" in told.message
    assert told.unsent


async def test_a_server_at_rest_that_is_not_lazy_any_more_starts(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": {**workbench("a"), "start": "lazy", "idle_timeout": 1}}) as house:
        former = house.upstreams["a"]
        await until(lambda: former.resting)
        house.edit({"a": workbench("a")})
        await house.all_ready()
        assert house.upstreams["a"] is former


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {"a": {"comm', "mcp_config.json:1"),
        ('{\n"mcpServers": {\n"a": {"command": "x", "evn": {}}}}', "mcp_config.json:3: mcpServers.a.evn"),
        ("", "the file is empty"),
    ],
)
async def test_a_file_that_does_not_validate_changes_nothing_and_says_where(
    tmp_path: Path, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    servers = {"a": workbench("a")}
    async with edited(tmp_path, servers) as house:
        before = house.gateway.current
        (tmp_path / "mcp_config.json").write_text(text)
        house.reload.read(CONFIG)
        assert house.gateway.current is before
        assert said in house.gateway.edits.files[CONFIG].reason
        assert any(said in record.getMessage() for record in caplog.records)
        house.edit(servers)
        assert not house.gateway.edits.files
        assert house.gateway.current is before
        (tmp_path / "mcp_config.json").unlink()
        house.reload.read(CONFIG)
        assert house.gateway.edits.refused


async def test_a_missing_variable_disables_its_server_and_the_rest_is_taken(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a"), "b": workbench("b")}) as house:
        house.edit({"a": {**workbench("a"), "env": {"K": "${NOT_SET}"}}, "b": {**workbench("b"), "prefix": "p"}})
        assert list(house.upstreams) == ["b"]
        assert [one.name for one in house.gateway.current.snapshot.disabled] == ["a"]
        assert not house.gateway.edits.refused
        assert all(name.startswith("p__") for name in house.tools)


async def test_a_bug_met_with_a_file_leaves_what_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        monkeypatch.setattr("app.gateway.reload.refusals", lambda _: 1 / 0)
        house.edit({})
        assert list(house.upstreams) == ["a"]
        assert "its log says more" in house.gateway.edits.files[CONFIG].reason


async def test_secrets_of_an_edit_are_hidden_before_it_is_taken(tmp_path: Path) -> None:
    hidden: set[str] = set()
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        house.reload._hide = hidden.update
        house.edit(
            {"a": workbench("a"), "b": {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": "s3cret"}}}
        )
    assert "s3cret" in hidden


async def test_keys_are_swapped_and_whoever_lost_theirs_loses_sessions_and_calls(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        house.keys("ann", "bob")
        house.reload.read(KEYS)
        gateway = house.gateway
        known = read_keyring("", (tmp_path / "keys.json").read_bytes(), "k", 0.0).keyring
        assert {key.digest for key in gateway.current.keyring.keys} == {key.digest for key in known.keys}
        pid, stays = await house.pid_of("a"), gateway.sessions.open("bob", "2025-11-25")
        gone = gateway.sessions.open("ann", "2025-11-25")
        client, held = house.call("a__hold", label="x")
        await until(lambda: gateway.drivers)
        house.keys("bob")
        house.reload.read(KEYS)
        assert gateway.current.keyring.resolve(f"{KEY}-ann".encode(), 0.0) is None
        assert gateway.current.keyring.resolve(f"{KEY}-bob".encode(), 0.0) is not None
        assert gateway.sessions.find("ann", gone.id) is None
        assert gateway.sessions.find("bob", stays.id) is stays
        await asyncio.wait_for(held, PATIENCE)
        (outcome,) = client.outcomes
        assert isinstance(outcome, Fault)
        assert outcome.kind is Kind.CLOSED, "a JSON-RPC error, since a JSON-RPC request was read"
        assert "revoked" in outcome.message
        assert await house.pid_of("a") == pid


async def test_a_keys_file_that_is_gone_revokes_nobody_and_an_empty_one_everybody(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        house.reload.settings = replace(house.reload.settings, api_keys_path=None, data_dir=str(tmp_path))
        house.keys("ann")
        (tmp_path / "keys.json").rename(tmp_path / "api_keys.json")
        house.reload.read(KEYS)
        (tmp_path / "api_keys.json").unlink()
        house.reload.read(KEYS)
        assert len(house.gateway.current.keyring) == 1
        assert "there is no such file" in house.gateway.edits.files[KEYS].reason
        (tmp_path / "api_keys.json").write_text("{}")
        house.reload.read(KEYS)
        assert len(house.gateway.current.keyring) == 0
        (tmp_path / "api_keys.json").unlink()
        house.reload.read(KEYS)
        assert not house.gateway.edits.files, "where no key was there need be no file"


async def test_keys_that_cannot_be_read_leave_the_former_ones(tmp_path: Path) -> None:
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        house.keys("ann")
        house.reload.read(KEYS)
        (tmp_path / "keys.json").write_text("{")
        house.reload.read(KEYS)
        assert house.gateway.current.keyring.resolve(f"{KEY}-ann".encode(), 0.0) is not None
        reason = house.gateway.edits.files[KEYS].reason
        assert "keys.json:1" in reason
        assert KEY not in reason


async def test_it_reads_again_when_the_bell_rings_and_not_after_a_stop_has_begun(tmp_path: Path) -> None:
    bell = Bell()
    async with edited(tmp_path, {"a": workbench("a")}) as house:
        house.gateway.own(house.reload.run(bell))
        house.write({"a": {**workbench("a"), "prefix": "p"}})
        bell.ring()
        await until(lambda: house.gateway.current.specs["a"].prefix == "p")
        house.gateway.drain.begin()
        house.edit({})
        assert list(house.upstreams) == ["a"]
