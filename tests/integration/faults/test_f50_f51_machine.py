"""A machine that runs out: of room on its disk, of descriptors, of who reads its log (RELIABILITY.md F50, F51, F56)."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.support.http_wires import seen, wayward_http
from tests.support.listeners import ALL
from tests.support.place import Place, placed, told
from tests.support.processes import eventually
from tests.support.programs import SERVERS, workbench
from tests.support.wire import Caller, Wire, until

WAYWARD = {"command": sys.executable, "args": ["-I", str(SERVERS / "wayward.py")]}
SERVED = {"victim": WAYWARD, "calm": workbench("calm")}
FEW = 256
WANTED = 300
UNLIMITED = {"MCP_LIMIT_STREAMS": "5000", "MCP_LIMIT_IP": "100000", "MCP_LIMIT_KEY": "100000"}
# A disk of its own, of one megabyte, for the log, the data directory and whatever is temporary, nginx's own included.
TINY = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@" 2>>"$0/log"']
MEGABYTE = "m" * (1 << 20)


def can(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def cpu_seconds(*pids: int) -> float:
    """What they have used so far."""
    ticks = 0
    for pid in pids:
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        ticks += sum(map(int, used))
    return ticks / os.sysconf("SC_CLK_TCK")


async def assert_idle(*pids: int) -> None:
    """Nobody turns in circles: less than half of a core, over a second."""
    before = cpu_seconds(*pids)
    await asyncio.sleep(1)
    assert cpu_seconds(*pids) - before < 0.5


async def listen(caller: Caller) -> tuple[Wire, str]:
    """A connection that asks for a stream, and what became of it."""
    wire = await caller.wire()
    body = json.dumps(caller.body("subscriptions/listen", {"notifications": ALL}, 1)).encode()
    answer = await wire.ask("POST", "/mcp", caller.headers("subscriptions/listen", {}), body)
    if answer.is_stream:
        return wire, "stream"
    answer.body = b"".join([piece async for piece in wire.pieces()])
    await wire.close()
    assert (answer.status, answer.json()["error"], answer.header("retry-after")) == (503, "full", "5")
    return wire, "full"


async def status(caller: Caller, tool: str, arguments: dict[str, str] | None = None) -> int:
    """HTTP's, of one call on a connection of its own."""
    params = {"name": tool, "arguments": arguments or {}}
    return (
        await caller.post(
            json.dumps(caller.body("tools/call", params, 1)).encode(), caller.headers("tools/call", params)
        )
    ).status


async def served(caller: Caller, tool: str) -> bool:
    return await status(caller, tool) == 200


async def hears(wire: Wire, method: str) -> None:
    async for message in wire.messages():
        if message.get("method") == method:
            return
    raise AssertionError("the stream is over")


@pytest.mark.parametrize("edge", [False, True], ids=["alone", "behind_nginx"])
async def test_f51_without_descriptors_new_ones_are_told_503_old_ones_live_and_all_recovers(
    tmp_path: Path, edge: bool
) -> None:
    with placed(SERVED, tmp_path, wrap=["prlimit", f"--nofile={FEW}:{FEW}"], edge=edge, env=UNLIMITED) as place:
        place.gateway.wait_until_ready()
        pids = [place.gateway.worker().pid, *([place.gateway.nginx_worker().pid] if edge else [])]
        caller, few, opened = place.caller(), asyncio.Semaphore(8), list[Wire]()
        became = Counter[str]()
        async with AsyncExitStack() as open_ones:

            async def one() -> None:
                async with few:
                    wire, outcome = await listen(place.caller())
                became[outcome] += 1
                if outcome == "stream":
                    opened.append(await open_ones.enter_async_context(wire))

            await asyncio.gather(*(one() for _ in range(WANTED)))
            assert became["stream"] >= FEW // 4, "a quarter of all descriptors, at the very least"
            assert became["full"] >= WANTED - 3 * FEW // 4
            await assert_idle(*pids)
            # Nobody restarts us for it, who looks sees why, and a body is no reason to be cut off.
            assert place.gateway.get("/health/live")[0] == 200
            assert place.gateway.control("/doctor")["servers"]
            assert await status(caller, "victim__echo", {"text": MEGABYTE}) == 503
            assert "no room for more connections" in place.gateway.log()
            # One leaves, another comes, and all the others hear of what it does.
            await opened.pop().close()
            await until(lambda: served(caller, "victim__grow"), "there is room for one")
            await asyncio.gather(*(hears(wire, "notifications/tools/list_changed") for wire in opened))
        await until(lambda: served(caller, "calm__whoami"), "there is room")
        await asyncio.gather(*(caller.call("calm__whoami") for _ in range(FEW // 8)))


async def test_f51_a_worker_without_any_descriptor_names_the_want_spins_in_no_circle_and_recovers(
    tmp_path: Path,
) -> None:
    with (
        wayward_http() as origin,
        placed({**SERVED, "far": {"url": f"{origin}/json", "era": "legacy"}}, tmp_path) as at,
    ):
        at.gateway.wait_until_ready()
        worker, caller = at.gateway.worker().pid, at.caller()
        async with await caller.wire() as wire, AsyncExitStack() as streams:
            victim = json.loads((await caller.call("victim__descriptors", wire=wire)).text)["pid"]
            async with asyncio.TaskGroup() as tasks:
                # More than there are connections to that server, which are kept for its next calls.
                stalled = [tasks.create_task(at.caller(patience=600).call("far__stall")) for _ in range(8)]
                await until(lambda: _stalls(origin, len(stalled)), "every connection to the server is taken")
                await exhaust(at, streams)
                reply = await caller.call("far__echo", {"text": "x"}, wire=wire)
                assert "too many files are open here" in told(reply)
                os.kill(victim, 9)
                await until(lambda: _says(caller, wire, "too many files are open here"), "a server cannot be started")
                assert (await caller.call("calm__whoami", wire=wire)).status == 200
                # Who connects now is cut, by the loop itself.
                await until(lambda: _cut(at, streams), "nobody gets in")
                await assert_idle(worker)
                for call in stalled:
                    call.cancel()
            allow(worker, 4096)
        await asyncio.to_thread(at.reaches, "victim", "ready")
        assert (await at.call("far", "echo", text="x")).status == 200
        assert "Traceback" not in at.gateway.log()


async def _stalls(origin: str, calls: int) -> bool:
    return sum('"stall"' in one["body"] for one in (await seen(origin))["seen"]) == calls


async def _cut(at: Place, streams: AsyncExitStack) -> bool:
    await exhaust(at, streams)
    return not await asyncio.to_thread(at.gateway.is_live)


async def _says(caller: Caller, wire: Wire, words: str) -> bool:
    return words in told(await caller.call("victim__echo", {"text": "x"}, wire=wire))


async def exhaust(place: Place, streams: AsyncExitStack) -> None:
    """From now on the worker may have as many descriptors as it has: no more are allowed, and streams take the rest."""
    descriptors = f"/proc/{place.gateway.worker().pid}/fd"
    allowed = max(map(int, os.listdir(descriptors))) + 1
    allow(place.gateway.worker().pid, allowed)
    while len(os.listdir(descriptors)) < allowed:
        # Cut, where the worker itself has just taken the last one for a moment.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            wire, outcome = await listen(place.caller())
            assert outcome == "stream"
            await streams.enter_async_context(wire)


def allow(pid: int, descriptors: int) -> None:
    subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={descriptors}:"], check=True)


@pytest.mark.skipif(not can(*TINY[:2], "true"), reason="no mount namespaces here")
async def test_f50_with_a_full_disk_requests_are_served_and_the_lines_that_were_lost_are_counted(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    env = {"TMPDIR": str(disk), "MCP_DATA_DIR": str(disk / "data"), "MCP_LOG_FORMAT": "json", **UNLIMITED}
    with placed(SERVED, tmp_path, wrap=[*TINY, str(disk)], edge=True, env=env) as place:
        for name in SERVED:
            place.reaches(name, "ready")
        seen = Path(f"/proc/{place.gateway.pid}/root{disk}")
        fill(seen / "filler")
        before = (seen / "log").stat().st_size
        legacy = place.caller("legacy")
        await legacy.initialize()
        for caller in (place.caller(), legacy):
            for number in range(40):
                assert (await caller.call("calm__whoami")).text.startswith("calm "), number
            echoed = await caller.call("victim__echo", {"text": MEGABYTE})
            assert len(echoed.text) > len(MEGABYTE), "a megabyte each way"
        assert "victim" in told(await place.call("victim", "crash"))
        await asyncio.to_thread(place.reaches, "victim", "ready")
        assert (seen / "log").stat().st_size - before < 4096, "the disk was full all the time"
        (seen / "filler").unlink()
        assert (await place.call("victim", "echo", text="x")).status == 200

        def counted() -> list[int]:
            lines = [json.loads(line) for line in (seen / "log").read_text().splitlines() if line.endswith("}")]
            return [
                int(line["message"].split()[0]) for line in lines if "lines of this log were lost" in line["message"]
            ]

        assert sum(eventually(counted, what="the log says what it lost")) > 80
        assert "Traceback" not in (seen / "log").read_text()


async def test_f56_requests_wait_for_nobody_who_does_not_read_the_log_and_the_lost_lines_are_counted(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.pipe"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    into = ["sh", "-c", 'exec "$@" 2>"$0"', str(log)]
    with placed(SERVED, tmp_path, wrap=into, edge=True, env={"MCP_LOG_FORMAT": "json", **UNLIMITED}) as place:
        place.reaches("calm", "ready")
        for number in range(500):
            assert await served(place.caller(), "calm__whoami"), number
        assert "victim" in told(await place.call("victim", "crash"))
        await asyncio.to_thread(place.reaches, "victim", "ready")
        unread = drained(reader)
        assert len(unread) < 100_000, "what a pipe holds"
        assert await served(place.caller(), "calm__whoami")
        lines = eventually(lambda: [line for line in drained(reader).splitlines() if b"were lost" in line], what="said")
        assert sum(int(json.loads(line)["message"].split()[0]) for line in lines) > 100
        await asyncio.to_thread(drained, reader)
    os.close(reader)


def drained(descriptor: int) -> bytes:
    """What there is to read just now."""
    found = b""
    with suppress(BlockingIOError):
        while piece := os.read(descriptor, 65536):
            found += piece
    return found


def fill(path: Path) -> None:
    """Takes every byte that the file system has left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError as error:
            assert error.errno == 28  # noqa: PT017 - how a full disk says so
