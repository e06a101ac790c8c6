"""The client that is away."""

import asyncio

import msgspec
import pytest

from app.gateway.client_response import Absent, ClientResponse
from app.protocol.faults import Fault, Kind
from app.relay.events import Noticed


async def test_what_is_written_to_nobody_is_lost_and_nobody_hangs_up() -> None:
    client: ClientResponse = Absent()
    await client.stream(Noticed("notifications/progress", msgspec.Raw()))
    await client.ask(1, msgspec.Raw(b"{}"))
    await client.reply(Fault(Kind.CLOSED, "gone"))
    await client.keep_alive()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.closed()
