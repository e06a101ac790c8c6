"""Clients of HTTP+SSE that nobody here wrote list everything and use every server, through nginx."""

from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.sse import sse_client

from tests.interop.house import KEY, House
from tests.interop.test_clients import Json, bridge, compare, expected, typescript, use_everything

__all__ = ["expected"]  # a fixture of the module that it is imported from


@pytest.fixture
def stream(endpoint: str) -> str:
    return endpoint.removesuffix("/mcp") + "/sse"


async def test_the_sdks_sse_client(stream: str, house: House, expected: Json) -> None:
    seen: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with Client(sse_client(stream, headers={"Authorization": f"Bearer {KEY}"}), mode="legacy") as client:
        assert client.protocol_version == "2025-11-25"
        await use_everything(client, house, expected)
        await client.call_tool("sdk2__count", {"steps": 3}, progress_callback=on_progress)
        assert seen == [1, 2, 3]


async def test_the_typescript_sse_client(stream: str, house: House, expected: Json) -> None:
    report = await typescript(stream, "legacy", house)
    assert report["version"] == "2025-11-25"
    compare(report, house, expected)


@pytest.mark.parametrize("strategy", ["sse-only", "http-first"])
async def test_mcp_remote_over_sse(stream: str, house: House, expected: Json, strategy: str, tmp_path: Path) -> None:
    """The stdio bridge, told to use SSE, or finding out by itself that this address is no other."""
    server = bridge(stream, tmp_path, "--transport", strategy)
    async with Client(server, mode="legacy") as client:
        await use_everything(client, house, expected)
