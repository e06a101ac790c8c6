"""Edits, good and bad, of the files a gateway lives by (RELIABILITY.md F26, F30 to F40), in the numbers promised."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_wires import seen, wayward_http
from tests.support.listeners import listening, stream_headers
from tests.support.pace import kept, within
from tests.support.place import KEYS, Place, placed, seconds_since, text_of, told
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Wire, until

# Room for an answer of health, and for a machine that is busy otherwise.
SLACK = 1.0
STEADY = {"steady": workbench("steady"), "calm": workbench("calm")}
OTHER = {"other": workbench("other")}


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, origin: str) -> Iterator[Place]:
    with placed(base(origin), tmp_path_factory.mktemp("config")) as found:
        yield found


def base(origin: str) -> dict[str, Any]:
    return {**STEADY, "remote": {"url": f"{origin}/json", "era": "legacy"}}


@pytest.fixture
def place(house: Place, origin: str) -> Place:
    """As it was at first."""
    house.rename(base(origin))
    house.write_keys(*KEYS)
    eventually(lambda: set(house.health()["details"]) == set(base(origin)) and "reload" not in house.health())
    for name in base(origin):
        house.reaches(name, "ready", 60)
    return house


@asynccontextmanager
async def under_load(place: Place) -> AsyncIterator[None]:
    """Eight clients call two servers that nobody edits; one failed call, or another process, fails the test."""
    over, answers = asyncio.Event(), set[str]()

    async def calls(number: int) -> int:
        caller, made = place.caller(("legacy", "modern")[number % 2], ("ann", "bob")[number // 2 % 2]), 0
        if caller.era == "legacy":
            await caller.initialize()
        async with await caller.wire() as wire:
            while not over.is_set():
                reply = await caller.call(f"{tuple(STEADY)[number // 4]}__whoami", wire=wire)
                answers.add(reply.text)
                made += 1
                await asyncio.sleep(0.01)
        return made

    async with asyncio.TaskGroup() as clients:
        tasks = [clients.create_task(calls(number)) for number in range(8)]
        yield
        over.set()
    assert len(answers) == 2, "the same two processes answered from first to last"
    assert all(task.result() > 5 for task in tasks)


async def settles(place: Place, count: int) -> None:
    """Until so many edits were taken."""
    async with asyncio.timeout(30):
        while place.reloads() < count:  # noqa: ASYNC110 - another process takes them
            await asyncio.sleep(0.02)


async def test_f26_a_hangup_signal_under_load_fails_no_call(place: Place) -> None:
    async with under_load(place):
        for number in range(5):
            place.write({**STEADY, **OTHER} if number % 2 else STEADY)
            os.kill(place.gateway.pid, signal.SIGHUP)
            await asyncio.sleep(0.3)


async def test_f30_a_file_written_in_pieces_is_taken_once_it_is_whole_and_no_call_fails(place: Place) -> None:
    filler = {f"off{number}": {"command": "x" * 200, "disabled": True} for number in range(30)}
    text = text_of({**filler, **STEADY, **OTHER}).encode()
    before = place.reloads()
    async with under_load(place):
        with place.config.open("wb", buffering=0) as file:
            for start in range(0, len(text), 1024):
                file.write(text[start : start + 1024])
                await asyncio.sleep(0.3)
                assert place.reloads() == before or start + 1024 >= len(text)
        with within(0.2 + 1 + SLACK):
            await settles(place, before + 1)
        await asyncio.to_thread(place.reaches, "other", "ready")
    assert "reload" not in place.health()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {\n', "mcp_config.json"),
        ('{"mcpServers": {\n"steady": {"command": 7}}}', "mcp_config.json:2: mcpServers.steady.command"),
        ('{"mcpServers": {\n"steady": {"command": "x", "evn": {}}}}', "mcp_config.json:2: mcpServers.steady.evn"),
    ],
    ids=["no JSON", "wrong type", "unknown field"],
)
async def test_f31_what_does_not_validate_is_refused_whole_and_named_where_one_looks(
    place: Place, text: str, said: str
) -> None:
    before = place.reloads()
    async with under_load(place):
        place.config.write_text(text)
        problem = await asyncio.to_thread(eventually, lambda: place.health().get("reload"), what="health tells")
        assert problem["config"]["state"] == "rejected"
        assert said in problem["config"]["reason"]
        assert place.health()["status"] == "degraded"
    assert place.reloads() == before
    assert said in place.gateway.log()


def by_vim(path: Path, text: str) -> None:
    """As with `backupcopy=no`: the old file is the backup, and a new one takes its name."""
    path.rename(path.with_name(path.name + "~"))
    path.write_text(text)
    path.with_name(path.name + "~").unlink()


def by_sed(path: Path, text: str) -> None:
    fresh = path.with_name("replacement")
    fresh.write_text(text)
    subprocess.run(["sed", "-i", "-e", f"1r {fresh}", "-e", "d", str(path)], check=True)
    fresh.unlink()


@pytest.mark.parametrize("edit", [by_vim, by_sed])
async def test_f32_five_edits_by_rename_are_five_edits_taken(place: Place, edit: Callable[[Path, str], None]) -> None:
    before = place.reloads()
    for number in range(1, 6):
        edit(place.config, text_of({**STEADY, "calm": {**STEADY["calm"], "prefix": f"p{number}"}}))
        await settles(place, before + number)
        listed = await place.caller().ask("tools/list")
        assert f"p{number}__whoami" in told(listed)
    assert place.reloads() == before + 5


async def test_f36_a_removed_server_answers_its_calls_takes_no_new_ones_and_its_clients_hear_once(
    place: Place, tmp_path: Path
) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    slow = {"slow": {"command": sys.executable, "args": ["-c", SLOW, str(begun), str(gate)]}}
    place.rename({**STEADY, **slow})
    await asyncio.to_thread(place.reaches, "slow", "ready")
    async with listening(place.caller("legacy")) as legacy, listening(place.caller("modern")) as modern:
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(place.call("slow", "wait"))
            await asyncio.to_thread(eventually, begun.exists, what="the call is with the server")
            place.rename(STEADY)
            for listener in (legacy, modern):
                await listener.hears("tools/list_changed")
            refused = await place.call("slow", "wait")
            assert refused.message["error"]["code"] == -32602
            assert not call.done(), "one call is in flight"
            assert processes(place, "waited")
            gate.touch()
        assert call.result().text == "waited"
        await asyncio.to_thread(eventually, lambda: not processes(place, "waited"), what="its process is gone")
        assert legacy.changes == modern.changes == ["tools/list_changed"]


def processes(place: Place, word: str) -> list[int]:
    return [seen.pid for seen in place.gateway.tree() if word in seen.command]


# Makes a file of its first argument's name when it is called, and answers once there is one of its second's.
SLOW = """
import json, os, sys, time
for line in sys.stdin:
    m = json.loads(line); r = None
    if m["method"] == "initialize":
        r = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": ""}}
    elif m["method"] == "tools/list":
        r = {"tools": [{"name": "wait", "inputSchema": {"type": "object"}}]}
    elif m["method"] == "tools/call":
        open(sys.argv[1], "w").close()
        while not os.path.exists(sys.argv[2]): time.sleep(0.02)
        r = {"content": [{"type": "text", "text": "waited"}]}
    if r: print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": r}), flush=True)
"""


async def test_f37_processes_and_sessions_of_servers_that_were_not_edited_stay(place: Place, origin: str) -> None:
    async def sessions() -> int:
        return sum('"initialize"' in asked["body"] for asked in (await seen(origin))["seen"])

    # The first time, so that the remote server has been asked for what it was not before.
    assert "echo" in (await place.call("remote", "echo", echo=1)).text
    before = await sessions()
    async with under_load(place):
        for servers in ({**base(origin), **OTHER}, {**OTHER, **base(origin)}, base(origin)):
            count = place.reloads()
            place.rename(servers)
            await settles(place, count + 1)
            assert "echo" in (await place.call("remote", "echo", echo=1)).text
    assert await sessions() == before


async def test_f38_fifty_edits_in_five_seconds_are_ten_reloads_at_most_and_the_last_one_counts(place: Place) -> None:
    before, began = place.reloads(), time.monotonic()
    async with under_load(place):
        for number in range(50):
            place.rename({**STEADY, "calm": {**STEADY["calm"], "prefix": f"n{number}"}})
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.1 - time.monotonic()))
        lasted = time.monotonic() - began

        async def last_one_counts() -> bool:
            return "n49__whoami" in told(await place.caller().ask("tools/list"))

        await until(last_one_counts, "the last edit is taken")
    assert 1 <= place.reloads() - before <= max(10, 2 * lasted)


async def test_f39_what_changes_nothing_reloads_nothing(place: Place, origin: str) -> None:
    before = place.reloads()
    place.config.touch()
    place.rename(base(origin))
    place.config.chmod(0o600)
    shutil.copy(place.config, place.config.with_name("beside.json"))
    place.write_keys(*KEYS)
    await asyncio.sleep(2.0 + SLACK)  # nothing tells that nothing happens: a poll and what follows it
    place.rename({**base(origin), **OTHER})
    await settles(place, before + 1)
    assert place.reloads() == before + 1
    assert "keys reloaded" not in place.gateway.log().rpartition("config reloaded")[0].rpartition("config reloaded")[2]


async def test_f40_a_revoked_key_is_refused_within_2_s_and_its_streams_are_closed_within_5(place: Place) -> None:
    cut = place.caller("legacy", "cut")
    await cut.initialize()
    async with listening(place.caller("modern", "cut")) as modern, listening(place.caller("modern", "bob")) as other:
        call = place.caller("modern", "cut").open("tools/call", {"name": "calm__hold", "arguments": {"label": "cut"}})
        async with await cut.wire() as stream, call as held:
            stream.patience = held.patience = 30
            answer = await stream.ask("GET", "/mcp", stream_headers(cut))
            assert answer.is_stream

            async def held_there() -> bool:
                return "started cut" in (await place.call("calm", "journal")).text

            await until(held_there, "the call is with the server")
            began = time.monotonic()
            place.write_keys("ann", "bob")
            with within(2):
                await asyncio.to_thread(eventually, lambda: place.refuses("cut"), what="401")
            async with asyncio.timeout(30):
                assert [message async for message in stream.messages()] == []
                await modern.ended.wait()
                assert (await held.head()).status == 200
                told = json.loads(b"".join([piece async for piece in held.pieces()]))
                assert told["jsonrpc"] == "2.0", "a JSON-RPC request was read"
                assert "revoked" in told["error"]["message"]
            assert kept(seconds_since(began), 5)
        assert not other.ended.is_set()
        async with await Wire.connect(place.gateway.host, place.gateway.port) as wire:
            raw = json.dumps(cut.body("tools/list", None, 7)).encode()
            assert (await wire.request("POST", "/mcp", cut.headers("tools/list"), raw)).status == 401
        place.write_keys(*KEYS)
        await asyncio.to_thread(eventually, lambda: not place.refuses("cut"), what="the key is good again")
        async with await Wire.connect(place.gateway.host, place.gateway.port) as wire:
            answer = await wire.request("POST", "/mcp", cut.headers("tools/list"), raw)
        assert answer.status == 404, "a session does not outlive its key"
