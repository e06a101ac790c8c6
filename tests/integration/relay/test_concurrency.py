"""Many answers at once, and many after another: none is lost, mixed up or cut."""

import asyncio
import random

import pytest

from tests.integration.relay.cast import NARROW, OTHER, WIDE, MakeCaller
from tests.support.wire import Caller

SIZES = [64 << step for step in range(17)]  # 64 B to 4 MiB


async def test_a_hundred_streams_follow_each_other_on_one_connection(client: MakeCaller, era: str) -> None:
    caller = client(era=era)
    async with await caller.wire() as wire:
        for turn in range(100):
            meta = {"progressToken": f"turn {turn}"}
            reply = await caller.call("workbench__count", {"steps": 3, "label": str(turn)}, wire=wire, _meta=meta)
            assert reply.answer.is_stream
            assert reply.answer.header("x-accel-buffering") in (None, "no")
            assert reply.text == f"{turn} counted"
            assert [notice["params"]["progress"] for notice in reply.notices] == [1, 2, 3]


async def test_two_hundred_calls_of_different_sizes_each_get_their_own_answer(client: MakeCaller) -> None:
    """Ids are the same for all three clients, on purpose; sizes 64 B to 4 MiB; four servers; both eras."""
    callers = [
        client(WIDE, "legacy", patience=60.0),
        client(OTHER, "modern", patience=60.0),
        client(NARROW, "modern", patience=60.0),
    ]
    reach = {WIDE: ("workbench", "beta", "delta", "plain"), OTHER: ("workbench", "beta", "delta", "plain")}
    order = random.Random(7)
    jobs: list[tuple[Caller, int, str, int]] = []
    for number in range(200):
        caller = callers[number % 3]
        server = order.choice(reach.get(str(caller.key), ("workbench", "plain")))
        jobs.append((caller, number // 3, server, SIZES[number % len(SIZES)]))
    order.shuffle(jobs)
    gate = asyncio.Semaphore(200)

    async def run(caller: Caller, ident: int, server: str, size: int) -> None:
        label = f"{caller.key} {ident} {server} "
        params = {"name": f"{server}__sized", "arguments": {"size": max(size, len(label)), "label": label}}
        async with gate:
            reply = await caller.ask("tools/call", params, ident=ident)
        assert reply.text == label + "." * (size - len(label))

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(run(*job))


async def test_a_four_megabyte_argument_arrives_whole(client: MakeCaller, era: str) -> None:
    caller = client(era=era, patience=20.0)
    payload = "0123456789abcdef" * (4 << 16)
    reply = await caller.call("workbench__mirror", {"payload": payload})
    assert payload in reply.text


@pytest.mark.requirement("http.related", "progress.minted")
async def test_two_clients_with_one_progress_token_get_their_own_progress(client: MakeCaller) -> None:
    async def count(caller: Caller, label: str, token: object) -> None:
        steps = {"steps": 40, "label": label}
        reply = await caller.call("beta__count", steps, _meta={"progressToken": token})
        assert [notice["params"]["progress"] for notice in reply.notices] == list(range(1, 41))
        for notice in reply.notices:
            assert notice["method"] == "notifications/progress"
            assert notice["params"]["progressToken"] == token
            assert type(notice["params"]["progressToken"]) is type(token)
            assert notice["params"]["message"] == label
            assert notice["params"]["vendor"] == 1.0
        assert reply.text == f"{label} counted"

    async with asyncio.TaskGroup() as group:
        for turn in range(5):
            for token in ("1", 1):
                group.create_task(count(client(WIDE), f"wide {turn} {token!r}", token))
                group.create_task(count(client(OTHER), f"other {turn} {token!r}", token))
                group.create_task(count(client(OTHER, "modern"), f"modern {turn} {token!r}", token))


async def test_without_a_token_there_is_no_progress_and_the_answer_is_json(client: MakeCaller, era: str) -> None:
    reply = await client(era=era).call("workbench__count", {"steps": 3, "label": "quiet"})
    assert reply.notices == []
    assert not reply.answer.is_stream
