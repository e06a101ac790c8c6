"""A client of 2025-11-25 whose connection breaks reads on where it was, on the stream it lost and on no other."""

import asyncio
import json
import re
from typing import Any

import pytest

from tests.support.wire import Answer, Caller, Wire, until


async def events(wire: Wire, count: int) -> list[tuple[str, str]]:
    """The next events with an id, as (id, data); comments are passed over."""
    buffer, found = b"", list[tuple[str, str]]()
    async with asyncio.timeout(30):
        async for piece in wire.pieces():
            *whole, buffer = (buffer + piece).split(b"\n\n")
            for event in whole:
                lines = [line.split(b": ", 1) for line in event.decode().encode().split(b"\n") if b": " in line]
                fields = {line[0]: line[1] for line in lines if line[0]}
                if b"id" in fields:
                    found.append((fields[b"id"].decode(), fields.get(b"data", b"").decode()))
            if len(found) >= count:
                return found
    return found


async def resume(client: Caller, wire: Wire, last: str) -> Answer:
    rest = [pair for pair in client.headers() if pair[0] not in {"Accept", "Content-Type"}]
    return await wire.ask("GET", client.path, [*rest, ("Accept", "text/event-stream"), ("Last-Event-ID", last)])


def holding(label: str) -> dict[str, Any]:
    return {"name": "a__hold", "arguments": {"label": label}, "_meta": {"progressToken": label}}


async def journal(client: Caller) -> list[str]:
    return json.loads((await client.call("a__journal")).text)


async def test_a_call_whose_connection_broke_runs_on_and_its_answer_is_there(client: Caller) -> None:
    await client.initialize()
    async with client.open("tools/call", holding("one"), ident=1) as wire:
        assert (await wire.head()).is_stream
        (primed, empty), (progress, _) = await events(wire, 2)
        assert empty == ""
        assert primed.split("-")[0] == progress.split("-")[0]
    assert (await client.call("a__release", {"label": "one"})).text == "released"
    assert "cancelled one" not in await journal(client)
    async with await client.wire() as wire:
        assert (await resume(client, wire, progress)).status == 200
        ((_, answer),) = await events(wire, 1)
        assert json.loads(answer)["result"]["content"][0]["text"] == "released one"
        assert [piece async for piece in wire.pieces()] == [], "a stream that was replayed whole ends"
    async with await client.wire() as wire:
        await resume(client, wire, primed)
        again = await events(wire, 2)
        assert [json.loads(data).get("id", "progress") for _, data in again] == ["progress", 1]


async def test_one_who_comes_back_early_waits_for_the_answer(client: Caller) -> None:
    await client.initialize()
    async with client.open("tools/call", holding("two"), ident="two") as wire:
        await wire.head()
        *_, (last, _) = await events(wire, 2)
    async with await client.wire() as wire:
        await resume(client, wire, last)
        assert (await client.call("a__release", {"label": "two"})).text == "released"
        ((_, answer),) = await events(wire, 1)
        assert json.loads(answer)["id"] == "two"


async def test_only_the_stream_that_was_lost_is_replayed(client: Caller) -> None:
    await client.initialize()
    lasts = []
    for label in ("three", "four"):
        async with client.open("tools/call", holding(label), ident=label) as wire:
            await wire.head()
            lasts.append((await events(wire, 2))[-1][0])
        assert (await client.call("a__release", {"label": label})).text == "released"
    assert len({last.split("-")[0] for last in lasts}) == 2
    async with await client.wire() as wire:
        await resume(client, wire, lasts[0])
        assert [json.loads(data)["id"] for _, data in await events(wire, 1)] == ["three"]


async def test_an_event_that_is_not_kept_is_said_so_and_a_thief_finds_no_session(client: Caller) -> None:
    await client.initialize()
    async with await client.wire() as wire:
        assert (await resume(client, wire, "99-1")).status == 400
    other = Caller(client.host, client.port, client.key, patience=30.0)
    await other.initialize()
    async with client.open("tools/call", holding("five"), ident=1) as wire:
        await wire.head()
        *_, (last, _) = await events(wire, 2)
    async with await other.wire() as wire:
        assert (await resume(other, wire, last)).status == 400
    await client.call("a__release", {"label": "five"})


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18"])
async def test_older_revisions_get_no_ids_and_a_disconnect_cancels_nothing(client: Caller, version: str) -> None:
    await client.initialize(version)
    async with client.open("tools/call", holding(version), ident=1) as wire:
        await wire.head()
        assert b"id:" not in await anext(aiter(wire.pieces()))

    async def runs_on() -> bool:
        return (await journal(client))[-1] == f"started {version}"

    await until(runs_on, "the call runs on")
    await client.call("a__release", {"label": version})
    assert f"finished {version}" in await journal(client)


async def test_a_call_answered_in_json_has_no_stream_to_keep(client: Caller) -> None:
    await client.initialize()
    reply = await client.call("a__whoami")
    assert reply.answer.header("content-type") == "application/json"
    async with await client.wire() as wire:
        assert (await resume(client, wire, "1-0")).status == 400


async def listed(client: Caller) -> bool:
    return "w__resume" in [tool["name"] for tool in (await client.ask("tools/list")).result["tools"]]


async def test_a_stream_that_the_server_lets_go_of_is_let_go_of_and_its_client_comes_back_for_the_rest(
    client: Caller,
) -> None:
    await until(lambda: listed(client), "the remote server is listed")
    await client.initialize()
    async with client.open("tools/call", {"name": "w__resume"}, ident="it") as wire:
        assert (await wire.head()).is_stream
        said = b"".join([piece async for piece in wire.pieces()])
        assert said.endswith(b"retry: 50\n\n"), said
        assert b"resumed" not in said
        [last] = re.findall(rb"id: (\S+)", said)
    async with await client.wire() as wire:
        assert (await resume(client, wire, last.decode())).status == 200
        ((_, answer),) = await events(wire, 1)
        assert json.loads(answer)["id"] == "it"
        assert json.loads(answer)["result"]["content"][0]["text"] == "resumed"
        assert [piece async for piece in wire.pieces()] == []


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", ""])
async def test_a_client_that_could_not_come_back_has_one_whole_answer(client: Caller, version: str) -> None:
    await until(lambda: listed(client), "the remote server is listed")
    if version == "2026-07-28":
        client.era = "modern"
    elif version:
        await client.initialize(version)
    assert (await client.call("w__resume")).text == "resumed"
