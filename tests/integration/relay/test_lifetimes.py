"""Calls that do not end as they should: the client hangs up, cancels, or the server dies."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable

from tests.integration.relay.cast import OTHER, WIDE, MakeCaller
from tests.support.wire import Caller, read_reply


async def until(happened: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Asks again and again, each time through the gateway, until it has happened."""
    async with asyncio.timeout(seconds):
        while not await happened():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.01)


def journal_has(caller: Caller, entry: str, server: str = "delta") -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return entry in json.loads((await caller.call(f"{server}__journal")).text)

    return asked


def hold(label: str) -> dict[str, object]:
    return {"name": "delta__hold", "arguments": {"label": label}}


async def test_a_modern_client_that_hangs_up_cancels_its_call(client: MakeCaller) -> None:
    watcher, label = client(), uuid.uuid4().hex
    async with client(era="modern").open("tools/call", hold(label)):
        await until(journal_has(watcher, f"started {label}"))
    await until(journal_has(watcher, f"cancelled {label}"))


async def test_a_modern_client_that_hangs_up_inside_a_stream_cancels_its_call(client: MakeCaller) -> None:
    watcher, label = client(), uuid.uuid4().hex
    params = {**hold(label), "_meta": {"progressToken": label}}
    async with client(era="modern").open("tools/call", params) as wire:
        assert (await wire.head()).is_stream
        assert (await anext(wire.messages()))["params"]["progressToken"] == label
    await until(journal_has(watcher, f"cancelled {label}"))


async def test_the_call_of_a_legacy_client_that_hangs_up_keeps_running(client: MakeCaller) -> None:
    watcher, kept, cancelled = client(), uuid.uuid4().hex, uuid.uuid4().hex
    legacy = client()
    await legacy.initialize()
    async with legacy.open("tools/call", hold(kept)):
        await until(journal_has(watcher, f"started {kept}"))
    # A hang-up that does cancel, later than the first, tells that the first one has been seen by everybody.
    async with client(era="modern").open("tools/call", hold(cancelled)):
        await until(journal_has(watcher, f"started {cancelled}"))
    await until(journal_has(watcher, f"cancelled {cancelled}"))
    await watcher.call("delta__release", {"label": kept})
    await until(journal_has(watcher, f"finished {kept}"))


async def test_a_legacy_client_cancels_with_a_notification(client: MakeCaller) -> None:
    legacy, label = client(), uuid.uuid4().hex
    await legacy.initialize()
    async with legacy.open("tools/call", hold(label), ident="to cancel") as wire:
        await until(journal_has(legacy, f"started {label}"))
        await legacy.notify("notifications/cancelled", {"requestId": "to cancel", "reason": "enough"})
        await until(journal_has(legacy, f"cancelled {label}"))
        # Nothing answers a cancelled request; its connection is not left hanging either.
        answer = await wire.head()
        body = b"".join([piece async for piece in wire.pieces()])
        assert b'"result"' not in body, answer


async def test_nobody_cancels_somebody_elses_call(client: MakeCaller) -> None:
    owner, stranger, sibling, label = client(), client(OTHER), client(), uuid.uuid4().hex
    for caller in (owner, stranger, sibling):
        await caller.initialize()
    async with owner.open("tools/call", hold(label), ident=77) as wire:
        await until(journal_has(owner, f"started {label}"))
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
        await until(journal_has(bystander, "started doomed", "fragile"))
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

    await until(is_back, 10.0)


async def test_a_dead_servers_tools_stay_listed(client: MakeCaller) -> None:
    caller = client()
    before = await caller.ask("tools/list", ident=1)
    await caller.call("fragile__crash")
    after = await caller.ask("tools/list", ident=1)
    assert after.answer.body == before.answer.body

    async def is_back() -> bool:
        return "result" in (await caller.call("fragile__whoami")).message

    await until(is_back, 10.0)
