"""How stdio servers start, are negotiated with, and end (RELIABILITY.md F02 to F04, F13, F14, F18)."""

import json
import os
import stat
import sys
import time
from pathlib import Path

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Kind
from app.protocol.versions import Era
from app.upstream.errors import UpstreamError
from app.upstream.upstream import State
from tests.support.pace import kept, within
from tests.support.upstreams import alive, ask, gone, lease_of, reaches, running, until, wayward


def missing(name: str, **members: object) -> ServerSpec:
    return ServerSpec(name=name, label=name, kind="stdio", prefix=name, **members)  # type: ignore[arg-type]


async def test_a_server_that_cannot_start_is_named_with_the_reason_and_hurts_nobody(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("no program")
    specs = {
        "absent": missing("absent", command="no-such-command-here"),
        "absent_path": missing("absent_path", command=str(tmp_path / "nothing")),
        "plain": missing("plain", command=str(plain)),
        "folder": missing("folder", command=str(tmp_path)),
        "nowhere": wayward("nowhere", cwd=str(tmp_path / "gone")),
        "nul": wayward("nul", "a\0b"),
        "nul_env": wayward("nul_env", env={"A": "x\0y"}),
    }
    said = {
        "absent": "not found on the PATH", "absent_path": "not found", "plain": "not executable",
        "folder": "not executable", "nowhere": "cwd is not a directory", "nul": "NUL", "nul_env": "NUL",
    }  # fmt: skip
    async with running(*specs.values(), wayward("good")) as [*broken, good]:
        for server in broken:
            await reaches(server, State.FAILED)
            assert f"'{server.spec.name}'" in server.reason
            assert said[server.spec.name] in server.reason
            assert str(tmp_path) not in server.reason
            with pytest.raises(UpstreamError) as caught:
                await server.acquire(Era.LEGACY)
            assert caught.value.fault.server == server.spec.name
            assert caught.value.fault.retry_after is not None
            assert server.catalog is None
        assert await ask(await lease_of(good), "echo") == "{}"


async def test_a_script_without_an_interpreter_line_fails_or_runs_but_hurts_nobody(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("exit 4\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    async with running(missing("script", command=str(script))) as [server]:
        await reaches(server, State.BACKOFF)


async def test_a_server_that_hangs_in_its_handshake_fails_at_its_timeout_and_delays_nobody() -> None:
    hanging = wayward("hanging", "--hang", "initialize", startup_timeout=1.0)
    async with running(hanging, wayward("good")) as [server, good]:
        assert await good.wait_listed(30)
        await reaches(server, State.BACKOFF)
        assert "handshake within 1 s" in server.reason
        assert not await server.wait_listed(30)


async def test_the_first_call_waits_for_a_server_that_is_starting() -> None:
    async with running(wayward()) as [server]:
        assert server.acquire_nowait(Era.LEGACY) is None
        assert await ask(await lease_of(server), "echo") == "{}"
        assert server.acquire_nowait(Era.LEGACY) is not None


async def test_a_server_that_dies_early_is_started_again_ever_more_slowly(tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    async with running(wayward("late", "--dies", "2", "--tally", str(tally))) as [server]:
        await reaches(server, State.BACKOFF)
        assert "code 3" in server.reason
        assert server.stderr_tail == ("dying early, as told",)
        await reaches(server, State.READY)
        assert server.reason == ""
        assert tally.read_bytes() == b"xxx"


async def test_initialize_comes_first_and_a_server_of_both_eras_runs_legacy() -> None:
    async with running(wayward("both", "--eras", "both")) as [server]:
        lease = await lease_of(server, Era.MODERN)
        assert lease.era is Era.LEGACY
        methods = [m["method"] for m in json.loads(await ask(lease, "journal"))]
        assert methods[:2] == ["initialize", "notifications/initialized"]
        assert server.instructions == "Take care."
        assert bytes(server.capabilities["own"]) == b'{"x": 1.0}'


@pytest.mark.requirement("meta.sent")
async def test_a_server_that_refuses_initialize_runs_modern_and_is_told_so_in_every_request() -> None:
    async with running(wayward("modern", "--eras", "modern")) as [server]:
        lease = await lease_of(server, Era.LEGACY)
        assert lease.era is Era.MODERN
        last = json.loads(await ask(lease, "journal"))[-1]
        meta = last["params"]["_meta"]
        assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        assert meta["io.modelcontextprotocol/clientCapabilities"] == {}


@pytest.mark.parametrize(
    ("eras", "era", "said"),
    [("modern", "legacy", "refused initialize"), ("legacy", "modern", "refused server/discover")],
)
async def test_an_era_that_the_config_names_is_the_only_one_tried(eras: str, era: str, said: str) -> None:
    async with running(wayward("strict", "--eras", eras, era=era)) as [server]:
        await reaches(server, State.BACKOFF)
        assert said in server.reason


async def test_mirror_runs_a_process_for_each_era_that_is_used(tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    spec = wayward("mirror", "--eras", "both", "--tally", str(tally), era="mirror")
    async with running(spec) as [server]:
        modern = await lease_of(server, Era.MODERN)
        assert modern.era is Era.MODERN
        assert tally.read_bytes() == b"x"
        legacy = await lease_of(server, Era.LEGACY)
        assert legacy.era is Era.LEGACY
        assert tally.read_bytes() == b"xx"
        assert await ask(modern, "echo") == await ask(legacy, "echo") == "{}"


async def test_mirror_serves_everybody_in_the_one_era_that_a_server_has() -> None:
    for eras, era in (("modern", Era.MODERN), ("legacy", Era.LEGACY)):
        async with running(wayward("mirror", "--eras", eras, era="mirror")) as [server]:
            for asked in Era:
                assert (await lease_of(server, asked)).era is era


async def test_a_server_that_exits_on_the_probe_is_started_again_at_once_and_the_verdict_is_kept(
    tmp_path: Path,
) -> None:
    tally = tmp_path / "tally"
    spec = wayward("old", "--exit-on-discover", "--tally", str(tally), era="mirror")
    for starts in (b"xx", b"xxx"):
        async with running(spec, data_directory=tmp_path) as [server]:
            seen: list[State] = []
            server.add_listener(lambda upstream, seen=seen: seen.append(upstream.state))
            assert (await lease_of(server, Era.MODERN)).era is Era.LEGACY
            assert State.BACKOFF not in seen
            assert tally.read_bytes() == starts


async def test_a_probe_that_is_not_answered_costs_three_seconds_and_falls_back() -> None:
    async with running(wayward("mute", "--hang", "server/discover", era="mirror")) as [server]:
        with anyio.fail_after(20):
            assert (await server.acquire(Era.MODERN)).era is Era.LEGACY


async def test_twenty_stubborn_servers_and_their_grandchildren_are_gone_within_five_seconds() -> None:
    specs = [wayward(f"stubborn{n}", "--stubborn") for n in range(20)]
    pids: list[int] = []
    async with running(*specs) as servers:
        for server in servers:
            await until(server, lambda server=server: server.state is State.READY)
            pids.append(json.loads(await ask(await lease_of(server), "descriptors"))["pid"])
            pids.append(int(server.stderr_tail[0].split()[1]))
        assert all(alive(pid) for pid in pids)
        began = time.monotonic()
    assert kept(time.monotonic() - began, 5)
    with within(1):
        await gone(*pids)


async def test_what_a_child_leaves_behind_is_gone_one_second_after_its_stop() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        pids = [json.loads(await ask(lease, "descriptors"))["pid"], int(await ask(lease, "grandchild"))]
    with within(1):
        await gone(*pids)


async def test_what_a_crashed_child_leaves_behind_is_found_at_once_also_beside_an_older_one() -> None:
    """In a process of its own, since only a subreaper finds orphans, and a test runner must not become one."""
    program = Path(__file__).parent / "orphans.py"
    with anyio.fail_after(90):
        result = await anyio.run_process([sys.executable, str(program)], cwd=Path(__file__).parents[3], stderr=None)
    pids = [int(word) for word in result.stdout.split()]
    assert len(pids) == 4
    with within(1):
        await gone(*pids)


async def test_a_child_does_not_outlive_us_however_we_die() -> None:
    program = Path(__file__).parent / "killed.py"
    with anyio.fail_after(90):
        result = await anyio.run_process([sys.executable, str(program)], cwd=Path(__file__).parents[3], check=False)
    assert result.returncode == -9
    with within(1):
        await gone(int(result.stdout))


async def test_a_hundred_restarts_leave_no_descriptor_no_task_and_no_zombie() -> None:
    async with running(wayward(), wayward("warm")) as [server, _]:
        await lease_of(server)
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        async with running(*[wayward(f"s{n}") for n in range(5)]) as servers:
            for server in servers:
                await lease_of(server)
    assert abs(len(os.listdir("/proc/self/fd")) - files) <= 2
    children = await anyio.Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    assert not [pid for pid in children.split() if not alive(int(pid))]


async def test_a_retired_server_is_gone_when_retire_returns_and_says_so() -> None:
    from app.upstream.registry import UpstreamRegistry

    async with anyio.create_task_group() as tasks:
        registry = UpstreamRegistry(tasks)
        server = registry.provision(wayward())
        lease = await lease_of(server)
        pid = json.loads(await ask(lease, "descriptors"))["pid"]
        await registry.retire(server)
        assert not alive(pid)
        assert server.state is State.STOPPED
        with pytest.raises(UpstreamError) as caught:
            await server.acquire(Era.LEGACY)
        assert caught.value.fault.kind is Kind.CLOSED
        await registry.aclose()
        tasks.cancel_scope.cancel()
