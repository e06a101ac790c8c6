"""Calls that do not end as they should: the client hangs up, cancels, or the server dies."""

import json
import uuid

import pytest

from tests.integration.relay.cast import OTHER, WIDE, MakeCaller
from tests.support.wire import Caller, read_reply, until


async def journaled(caller: Caller, entry: str, server: str = "delta") -> None:
    """Waits until the server's own journal has it."""

    async def has() -> bool:
        return entry in json.loads((await caller.call(f"{server}__journal")).text)

    await until(has, f"{server}: {entry}")


def hold(label: str) -> dict[str, object]:
    return {"name": "delta__hold", "arguments": {"label": label}}


@pytest.mark.requirement("http.cancelled")
async def test_a_modern_client_that_hangs_up_cancels_its_call(client: MakeCaller) -> None:
    watcher, label = client(), uuid.uuid4().hex
    async with client(era="modern").open("tools/call", hold(label)):
        await journaled(watcher, f"started {label}")
    await journaled(watcher, f"cancelled {label}")


@pytest.mark.requirement("http.cancelled")
async def test_a_modern_client_that_hangs_up_inside_a_stream_cancels_its_call(client: MakeCaller) -> None:
    watcher, label = client(), uuid.uuid4().hex
    params = {**hold(label), "_meta": {"progressToken": label}}
    async with client(era="modern").open("tools/call", params) as wire:
        assert (await wire.head()).is_stream
        assert (await anext(wire.messages()))["params"]["progressToken"] == label
    await journaled(watcher, f"cancelled {label}")


async def test_the_call_of_a_legacy_client_that_hangs_up_keeps_running(client: MakeCaller) -> None:
    watcher, kept, cancelled = client(), uuid.uuid4().hex, uuid.uuid4().hex
    legacy = client()
    await legacy.initialize()
    async with legacy.open("tools/call", hold(kept)):
        await journaled(watcher, f"started {kept}")
    # A hang-up that does cancel, later than the first, tells that the first one has been seen by everybody.
    async with client(era="modern").open("tools/call", hold(cancelled)):
        await journaled(watcher, f"started {cancelled}")
    await journaled(watcher, f"cancelled {cancelled}")
    await watcher.call("delta__release", {"label": kept})
    await journaled(watcher, f"finished {kept}")


async def test_a_legacy_client_cancels_with_a_notification(client: MakeCaller) -> None:
    legacy, label = client(), uuid.uuid4().hex
    await legacy.initialize()
    async with legacy.open("tools/call", hold(label), ident="to cancel") as wire:
        await journaled(legacy, f"started {label}")
        await legacy.notify("notifications/cancelled", {"requestId": "to cancel", "reason": "enough"})
        await journaled(legacy, f"cancelled {label}")
        # Nothing answers a cancelled request; its connection is not left hanging either.
        answer = await wire.head()
        body = b"".join([piece async for piece in wire.pieces()])
        assert b'"result"' not in body, answer


async def test_nobody_cancels_somebody_elses_call(client: MakeCaller) -> None:
    owner, stranger, sibling, label = client(), client(OTHER), client(), uuid.uuid4().hex
    for caller in (owner, stranger, sibling):
        await caller.initialize()
    async with owner.open("tools/call", hold(label), ident=77) as wire:
        await journaled(owner, f"started {label}")
        for caller in (stranger, sibling):
            await caller.notify("notifications/cancelled", {"requestId": 77})
        stolen = client(OTHER, session=owner.session, version=owner.version)
        assert (await stolen.notify("notifications/cancelled", {"requestId": 77})).status == 404
        # The same number in another JSON type is another id.
        await owner.notify("notifications/cancelled", {"requestId": "77"})
        await client(WIDE).call("delta__release", {"label": label})
        assert (await read_reply(wire, await wire.head(), 77)).text == f"released {label}"


async def test_a_server_that_dies_fails_its_calls_with_its_name_and_comes_back(client: MakeCaller, era: str) -> None:
    caller, bystander = client(era=era), client()
    first = (await caller.call("fragile__whoami")).text
    params = {"name": "fragile__hold", "arguments": {"label": "doomed"}}
    async with caller.open("tools/call", params, ident="doomed") as wire:
        await journaled(bystander, "started doomed", "fragile")
        crashed = await caller.call("fragile__crash")
        doomed = await read_reply(wire, await wire.head(), "doomed")
    for reply in (crashed, doomed):
        assert reply.status == 200
        assert reply.error["code"] == -32603
        assert reply.error["data"]["server"] == "fragile"
        assert reply.error["data"]["fault"]
    assert (await bystander.call("beta__whoami")).text.startswith("beta ")

    async def is_back() -> bool:
        message = (await caller.call("fragile__whoami")).message
        return "result" in message and message["result"]["content"][0]["text"] != first

    await until(is_back, "fragile is back")


async def test_a_dead_servers_tools_stay_listed(client: MakeCaller) -> None:
    caller = client()
    before = await caller.ask("tools/list", ident=1)
    await caller.call("fragile__crash")
    after = await caller.ask("tools/list", ident=1)
    assert after.answer.body == before.answer.body

    async def is_back() -> bool:
        return "result" in (await caller.call("fragile__whoami")).message

    await until(is_back, "fragile is back")
