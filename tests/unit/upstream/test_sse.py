"""HTTP+SSE against a server that misbehaves on request."""

from collections.abc import Iterator

import anyio
import pytest

from app.protocol.faults import Kind
from app.upstream.sse import SseTransport
from tests.support.http_wires import Wire, remote, seen, wayward_http, wired


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


async def test_calls_are_answered_over_the_stream_each_by_its_own_answer(origin: str) -> None:
    async with wired(remote(f"{origin}/old", "sse", headers={"Authorization": "Bearer ours"})) as wire:
        calls = [wire.call("echo", n=n) for n in range(20)]
        assert [await wire.text(call) for call in calls] == [f'{{"n": {n}}}' for n in range(20)]
        assert not wire.transport.cancels_by_closing
    asked = (await seen(origin))["seen"]
    assert {r["headers"]["authorization"] for r in asked if r["path"].startswith("/old")} == {"Bearer ours"}


async def test_the_session_ends_with_its_stream(origin: str) -> None:
    async with wired(remote(f"{origin}/old", "sse")) as wire:
        wire.call("stall")
        wire.call("hangup")
        await wire.until(lambda: wire.over)
        assert wire.over
        assert (wire.over.kind, wire.over.message) == (Kind.CLOSED, "Server 'far' closed its event stream.")
        assert (await wire.fault(wire.call("echo"))).kind is Kind.CLOSED


async def test_closing_ends_the_stream_also_while_it_opens(origin: str) -> None:
    async with anyio.create_task_group() as tasks:
        transport = SseTransport(remote(f"{origin}/old", "sse"), tasks.start_soon)
        with anyio.move_on_after(0):
            await transport.open(Wire(transport))
        await transport.close()
        await transport.close()
