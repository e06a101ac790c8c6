"""The end of a call that its client wants no more, in all four cells: each side is told in the words of its era."""

import uuid

import pytest

from tests.support.gateway import Gateway
from tests.support.listeners import caller
from tests.support.pairs import each_pair
from tests.support.wire import Caller, until

OLD_CLIENTS = pytest.mark.parametrize("server", [pytest.param("old", id="L-L"), pytest.param("new", id="L-M")])


async def journaled(client: Caller, server: str, entry: str) -> None:
    async def has() -> bool:
        return entry in (await client.call(f"{server}__read_journal")).text

    await until(has, f"{server}: {entry}")


@each_pair
async def test_a_call_that_its_client_cancels_ends_at_the_server(gateway: Gateway, era: str, server: str) -> None:
    client, label = caller(gateway, era), uuid.uuid4().hex
    if era == "legacy":
        await client.initialize()
    async with client.open("tools/call", {"name": f"{server}__hold", "arguments": {"label": label}}, ident=label):
        await journaled(client, server, f"started {label}")
        if era == "legacy":
            assert (await client.notify("notifications/cancelled", {"requestId": label})).status == 202
            await journaled(client, server, f"cancelled {label}")
    await journaled(client, server, f"cancelled {label}")


@OLD_CLIENTS
async def test_the_call_of_a_legacy_client_that_hangs_up_runs_on(gateway: Gateway, server: str) -> None:
    client, label, later = caller(gateway, "legacy"), uuid.uuid4().hex, uuid.uuid4().hex
    await client.initialize()
    async with client.open("tools/call", {"name": f"{server}__hold", "arguments": {"label": label}}, ident=label):
        await journaled(client, server, f"started {label}")
    # A hang-up that does cancel, later than the first, tells that the first one has been seen by everybody.
    modern = caller(gateway, "modern")
    async with modern.open("tools/call", {"name": f"{server}__hold", "arguments": {"label": later}}):
        await journaled(client, server, f"started {later}")
    await journaled(client, server, f"cancelled {later}")
    assert f"cancelled {label}" not in (await client.call(f"{server}__read_journal")).text
    assert (await client.notify("notifications/cancelled", {"requestId": label})).status == 202
    await journaled(client, server, f"cancelled {label}")


async def test_a_handshake_cannot_be_cancelled(gateway: Gateway) -> None:
    client = caller(gateway, "legacy")
    opened = await client.initialize()
    assert (await client.notify("notifications/cancelled", {"requestId": opened.message["id"]})).status == 202
    assert (await client.ask("ping")).result == {}
