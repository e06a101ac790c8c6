"""What a relay owes a client over every kind of transport: its own answer, and an end when it wants one."""

import asyncio
import random
import uuid

import pytest

from tests.interop.house import KEY
from tests.support.gateway import Gateway
from tests.support.wire import Caller, until

REMOTE = ("sdk2", "sdk1-sse", "sdk1-http")


async def journaled(gateway: Gateway, server: str, entry: str) -> None:
    """Waits until the server's own journal has it."""

    async def has() -> bool:
        return entry in (await Caller(gateway.host, gateway.port, KEY).call(f"{server}__read_journal")).text

    await until(has, f"{server}: {entry}")


@pytest.mark.parametrize("server", REMOTE)
async def test_a_modern_client_that_hangs_up_ends_the_call_on_a_remote_server(gateway: Gateway, server: str) -> None:
    caller, label = Caller(gateway.host, gateway.port, KEY, "modern"), uuid.uuid4().hex
    async with caller.open("tools/call", {"name": f"{server}__hold", "arguments": {"label": label}}):
        await journaled(gateway, server, f"started {label}")
    await journaled(gateway, server, f"cancelled {label}")


@pytest.mark.parametrize("server", REMOTE)
async def test_a_legacy_client_that_cancels_ends_the_call_on_a_remote_server(gateway: Gateway, server: str) -> None:
    caller, label = Caller(gateway.host, gateway.port, KEY), uuid.uuid4().hex
    await caller.initialize()
    params = {"name": f"{server}__hold", "arguments": {"label": label}}
    async with caller.open("tools/call", params, ident=label):
        await journaled(gateway, server, f"started {label}")
        assert (await caller.notify("notifications/cancelled", {"requestId": label})).status == 202
        await journaled(gateway, server, f"cancelled {label}")


async def test_calls_over_all_transports_at_once_each_get_their_own_answer(gateway: Gateway) -> None:
    """64 B to 1 MiB over stdio, SSE and Streamable HTTP of both eras; ids repeat between the clients."""
    eras = ("legacy", "modern", "legacy", "modern")
    callers = [Caller(gateway.host, gateway.port, KEY, era, patience=30.0) for era in eras]
    order = random.Random(11)
    servers = ("everything", "everything-sse", "everything-http", *REMOTE)

    async def run(caller: Caller, ident: int, server: str, size: int) -> None:
        label = f"{caller.era} {ident} {server} "
        if server in REMOTE:
            call, expected = ("big", {"size": size, "label": label}), label + "." * (size - len(label))
        else:
            call, expected = ("echo", {"message": label + "." * size}), f"Echo: {label}{'.' * size}"
        reply = await caller.ask("tools/call", {"name": f"{server}__{call[0]}", "arguments": call[1]}, ident=ident)
        assert reply.text == expected, label

    jobs = [(callers[number % 4], number // 4, servers[number % 6], 64 << (number * 7 % 15)) for number in range(120)]
    order.shuffle(jobs)
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(run(*job))
