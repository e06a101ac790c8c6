"""What a stdio server may do wrong while it runs, and what that costs (RELIABILITY.md F01, F05, F07 to F09, F19)."""

import json
import logging
import os
import time

import pytest

from app.protocol.faults import Fault, Kind
from app.relay.events import PeerError, Request, Result
from app.upstream.upstream import State
from tests.support.pace import kept
from tests.support.upstreams import Call, ask, fails, lease_of, raw, reaches, running, start, until, wayward


async def test_a_call_reaches_the_server_and_its_answer_comes_back_as_written() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        assert await ask(lease, "echo", text="héllo", n=1.0) == '{"text": "h\\u00e9llo", "n": 1.0}'


@pytest.mark.requirement("stdio.lines")
async def test_line_ends_between_the_tokens_of_a_call_do_not_break_the_wire() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        call = start(lease, "echo")
        spread = Request("tools/call", {"name": raw("echo"), "arguments": raw(0)}, {})
        spread.params["arguments"] = type(raw(0))(b'{\r\n"a":\n1}')
        lease.send(spread, (second := start(lease, "echo")).sink)
        assert isinstance(await call.outcome(), Result)
        assert isinstance(await second.outcome(), Result)
        assert await ask(lease, "echo", a=1) == '{"a": 1}'


async def test_a_server_that_dies_in_a_call_fails_it_at_once_and_serves_again() -> None:
    async with running(wayward(), wayward("bystander")) as [server, bystander]:
        lease, other = await lease_of(server), await lease_of(bystander)
        pending = [start(lease, "hang") for _ in range(5)]
        began = time.monotonic()
        crash = start(lease, "crash")
        for call in (*pending, crash):
            outcome = await call.outcome()
            assert isinstance(outcome, Fault)
            assert outcome.kind is Kind.CLOSED
            assert outcome.message == "Server 'wayward' exited with code 3."
            assert outcome.server == "wayward"
        assert kept(time.monotonic() - began, 1)
        await ask(other, "echo")
        assert bystander.state is State.READY
        await reaches(server, State.READY)
        assert await ask(await lease_of(server), "echo", again=True) == '{"again": true}'


async def test_a_crash_is_named_with_its_signal() -> None:
    async with running(wayward()) as [server]:
        assert "SIGSEGV" in (await fails(await lease_of(server), "segfault")).message


async def test_what_memory_pressure_does_is_named_so() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        pid = json.loads(await ask(lease, "descriptors"))["pid"]
        call = start(lease, "hang")
        os.kill(pid, 9)
        outcome = await call.outcome()
        assert isinstance(outcome, Fault)
        assert "memory" in outcome.message


async def test_after_a_crash_calls_fail_fast_until_the_restart_and_say_when() -> None:
    async with running(wayward()) as [server]:
        await fails(await lease_of(server), "crash")
        await reaches(server, State.BACKOFF)
        with pytest.raises(Exception, match="exited with code 3") as caught:
            await lease_of(server)
        fault = caught.value.fault  # type: ignore[attr-defined]
        assert fault.server == "wayward"
        assert 0 < fault.retry_after <= 1
        assert server.catalog is not None, "its tools stay listed"


@pytest.mark.requirement("stdio.cancelled")
async def test_a_cancelled_call_tells_the_server_and_its_late_answer_goes_nowhere() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        call = start(lease, "hang")
        lease.cancel(call.id, "enough")
        lease.cancel(call.id, "twice changes nothing")
        seen = json.loads(await ask(lease, "journal"))
        cancelled = [m["params"] for m in seen if m["method"] == "notifications/cancelled"]
        assert cancelled == [{"requestId": call.id, "reason": "enough"}]
        assert call.last == []


async def test_progress_finds_its_call_by_token() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        silent = start(lease, "progress")
        asked = start(lease, "progress", token=b'"theirs"')
        assert isinstance(await asked.outcome(), Result)
        assert [json.loads(bytes(n.params))["progress"] for n in asked.notices] == [1, 2, 3]
        assert silent.notices == []


async def test_a_server_is_told_that_nobody_can_answer_its_questions_but_ping_is_answered() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        await ask(lease, "ask")
        seen = json.loads(await ask(lease, "journal"))
        answers = {m["id"]: m.get("result", m.get("error", {}).get("code")) for m in seen if "method" not in m}
        assert answers == {"ours-1": {}, 99: -32601, 7.5: -32601}
        [hello] = [m["params"] for m in seen if m.get("method") == "initialize"]
        assert hello["capabilities"] == {}


async def test_invalid_utf8_spoils_its_character_and_nothing_else() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        outcome = await start(lease, "bad_utf8").outcome()
        assert isinstance(outcome, Result)
        assert json.loads(bytes(outcome.raw))["text"] == "caf\ufffd\ufffd"
        assert await ask(lease, "echo") == "{}"


async def test_what_is_no_json_rpc_is_skipped_and_logged_within_bounds(caplog: pytest.LogCaptureFixture) -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        for _ in range(3):
            assert await ask(lease, "noise") == "after the noise"
        ignored = [record for record in caplog.records if "ignored" in record.message]
        assert 0 < len(ignored) <= 5
        assert any(line.startswith("(stdout) ") for line in server.stderr_tail), (
            "what it says instead may be the reason"
        )


@pytest.mark.parametrize("tool", ["malformed", "deep"])
async def test_a_malformed_answer_fails_the_call_it_names(tool: str) -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        assert (await fails(lease, tool)).kind is Kind.PROTOCOL
        assert await ask(lease, "echo") == "{}"


async def test_a_server_s_own_error_is_data() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        call = Call(lease)
        lease.send(Request("prompts/get", {}, {}), call.sink)
        outcome = await call.outcome()
        assert isinstance(outcome, PeerError)
        assert json.loads(bytes(outcome.raw)) == {"code": -32601, "message": "Method not found"}


async def test_an_answer_of_a_megabyte_passes() -> None:
    async with running(wayward()) as [server]:
        assert len(await ask(await lease_of(server), "big", bytes=4 << 20)) == 4 << 20


async def test_a_line_over_the_limit_is_skipped_and_the_calls_in_flight_are_told() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        waiting = start(lease, "hang")
        fault = await fails(lease, "long_line", mb=32, patience=20)
        assert fault.kind is Kind.PROTOCOL
        assert "16 MB" in fault.message
        assert isinstance(await waiting.outcome(), Fault)
        assert await ask(lease, "echo", patience=20) == "{}"
        assert server.version == 1


async def test_a_line_without_an_end_ends_the_server() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        assert "16 MB" in (await fails(lease, "endless_line", patience=20)).message
        await until(server, lambda: server.state is not State.READY, patience=20)
        assert "without a line end" in server.reason or server.state is State.STARTING
        await reaches(server, State.READY, patience=20)


async def test_a_hundred_megabytes_on_stderr_are_taken_and_logged_within_a_budget(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        assert await ask(lease, "chatter", mb=100, patience=30) == "silent again"
        logged = sum(len(record.getMessage()) for record in caplog.records)
        assert logged < 2_000_000
        assert len([record for record in caplog.records if "bytes dropped" in record.getMessage()]) < 30
        assert server.stderr_tail
        assert set(server.stderr_tail[-1]) == {"e"}


async def test_a_server_that_closes_its_output_is_started_again() -> None:
    async with running(wayward()) as [server]:
        assert "closed its output" in (await fails(await lease_of(server), "close_output")).message
        await reaches(server, State.READY)


async def test_a_server_that_reads_no_more_makes_calls_busy_and_not_us_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.upstream.stdio.PENDING_LIMIT", 4 << 20)
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        start(lease, "deaf")
        load = "x" * (1 << 20)
        calls = [start(lease, "echo", load=load) for _ in range(10)]
        refused = [call.last[0].fault for call in calls if call.last and hasattr(call.last[0], "fault")]
        assert refused
        assert {fault.kind for fault in refused} == {Kind.BUSY}


async def test_a_child_inherits_three_descriptors_and_the_allowed_environment() -> None:
    ours = {**os.environ, "MCP_API_KEYS": "sk-secret:me", "AWS_SECRET_ACCESS_KEY": "x", "LC_ALL": "C.UTF-8"}
    async with running(wayward(env={"OWN": "1"}), environment=ours) as [server]:
        lease = await lease_of(server)
        found = json.loads(await ask(lease, "descriptors"))
        assert found["fds"] == [0, 1, 2]
        assert found["leads"]
        environment = json.loads(await ask(lease, "environment"))
        assert environment["OWN"] == "1"
        assert environment["LC_ALL"] == "C.UTF-8"
        assert not {"MCP_API_KEYS", "AWS_SECRET_ACCESS_KEY"} & set(environment)
