"""Where an HTTP+SSE session says to post, and what becomes of a post."""

from collections.abc import Iterator

import anyio
import pytest

from app.protocol.faults import Kind
from app.upstream.errors import HttpRefusal, UpstreamError
from app.upstream.sse import SseTransport
from tests.support.http_wires import Wire, remote, wayward_http, wired


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


async def test_a_refused_post_fails_its_own_call_and_says_when_to_come_back(origin: str) -> None:
    async with wired(remote(f"{origin}/old", "sse")) as wire:
        fault = await wire.fault(wire.call("fail"))
        assert isinstance(fault, HttpRefusal)
        assert (fault.kind, fault.status, fault.retry_after) == (Kind.UNREACHABLE, 503, 7.0)
        assert await wire.text(wire.call("echo")) == "{}"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/old-foreign", "wants its messages posted to another host"),
        ("/seen", "opened no event stream"),
        ("/status/401", "refused the gateway's credentials (HTTP 401)"),
        ("/status/404", "answered HTTP 404"),
        ("/redirect", "redirects elsewhere (HTTP 307)"),
    ],
)
async def test_what_is_no_sse_endpoint_is_told_when_opening(origin: str, path: str, told: str) -> None:
    async with anyio.create_task_group() as tasks:
        transport = SseTransport(remote(origin + path, "sse"), tasks.start_soon)
        with pytest.raises(UpstreamError) as refused:
            await transport.open(Wire(transport))
        await transport.close()
    assert told in refused.value.fault.message
