"""So many calls of one tool with one key, where a header names the tool (RELIABILITY.md section 0 finding 9)."""

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.programs import workbench
from tests.support.wire import Caller, fresh_address

OTHER = "sk-another-key-of-enough-length-012345"
CONFIG = {"mcpServers": {"bench": workbench("bench")}}
LIMIT = 5


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    env = {"MCP_LIMIT_TOOL": str(LIMIT)}
    with running_gateway(CONFIG, keys={KEY: "one", OTHER: "two"}, env=env, edge=True) as running:
        yield running


class Encoding(Caller):
    """Says every name in the form that is for those a header cannot hold."""

    def headers(self, method: str = "", params: dict[str, object] | None = None) -> list[tuple[str, str]]:
        return [
            (name, f"=?base64?{base64.b64encode(value.encode()).decode()}?=" if name == "Mcp-Name" else value)
            for name, value in super().headers(method, params)
        ]


async def statuses(caller: Caller, *names: str, count: int = 30) -> Counter[int]:
    found = Counter[int]()
    async with await caller.wire() as wire:
        for params in ({"name": name, "arguments": {}} for _ in range(count) for name in names):
            body = json.dumps(caller.body("tools/call", params, 1)).encode()
            found[(await wire.request("POST", "/mcp", caller.headers("tools/call", params), body)).status] += 1
    return found


def caller(gateway: Gateway, key: str = KEY, era: str = "modern", kind: type[Caller] = Caller) -> Caller:
    return kind(gateway.host, gateway.port, key, era, source=fresh_address())


async def test_a_tool_of_one_key_is_limited_wherever_the_key_comes_from_and_its_other_tools_are_not(
    gateway: Gateway,
) -> None:
    began = time.monotonic()
    found = await statuses(caller(gateway), "bench__whoami")
    assert found.keys() == {200, 429}
    assert LIMIT < found[200] <= LIMIT + 2 + LIMIT * (time.monotonic() - began)
    assert (await statuses(caller(gateway), "bench__whoami"))[429] > 0
    assert await statuses(caller(gateway), "bench__journal", count=LIMIT) == {200: LIMIT}
    assert await statuses(caller(gateway, OTHER), "bench__whoami", count=LIMIT) == {200: LIMIT}


async def test_names_in_another_form_are_one_tool(gateway: Gateway) -> None:
    began = time.monotonic()
    found = await statuses(caller(gateway, kind=Encoding), "bench__release", "bench__error", "bench__fail", count=10)
    assert found.keys() == {200, 429}
    assert LIMIT < found[200] <= LIMIT + 2 + LIMIT * (time.monotonic() - began)


async def test_what_is_no_call_or_names_no_tool_counts_for_the_key_alone(gateway: Gateway) -> None:
    assert await statuses(caller(gateway, era="legacy"), "bench__whoami") == {200: 30}
    modern = caller(gateway)
    async with await modern.wire() as wire:
        for _ in range(30):
            assert (await modern.ask("tools/list", wire=wire)).status == 200
