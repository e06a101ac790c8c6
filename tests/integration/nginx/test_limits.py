"""Limits per address and per key, of streams, strangers and unknown keys; and ten people who notice none of them.

(B48 to B50; RELIABILITY.md section 4 item 6, section 0 finding 7.)
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from app.downstream.penalties import PER_SECOND
from tests.integration.nginx.access_log import line_of, lines_of
from tests.integration.nginx.raw import exchange, parsed, request
from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, Headers, Wire, fresh_address

OTHER = "sk-another-key-of-enough-length-012345"
FRESH, QUIET = (f"sk-key-of-one-test-alone-0123456789-{name}" for name in ("fresh", "quiet"))
KEYS = {KEY: "one", OTHER: "two", FRESH: "three", QUIET: "four"}
CONFIG = {"mcpServers": {"bench": workbench("bench")}}
TIGHT = {"MCP_LIMIT_IP": "50", "MCP_LIMIT_KEY": "10", "MCP_LIMIT_STREAMS": "3"}
PREFIX = "a-prefix-of-many-letters"
BEARER = [("Authorization", f"Bearer {KEY}")]


@pytest.fixture(scope="module")
def tight() -> Iterator[Gateway]:
    with running_gateway(CONFIG, keys=KEYS, edge=True, env=TIGHT) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def usual() -> Iterator[Gateway]:
    """With the limits that everybody has."""
    with running_gateway(CONFIG, keys=KEYS, edge=True, env={"MCP_PATH_PREFIX": PREFIX}) as running:
        running.wait_until_ready()
        yield running


async def statuses(
    gateway: Gateway, count: int, path: str = "/health", headers: Headers = (), *, method: str = "GET", source: str = ""
) -> Counter[int]:
    """How often each status came to so many requests on one connection, all sent at once."""
    async with await Wire.connect(gateway.host, gateway.port, source=source or fresh_address()) as wire:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers)]
        await wire.send(("\r\n".join([*lines, "", ""]) * count).encode("latin-1"))
        found: Counter[int] = Counter()
        for _ in range(count):
            answer = await wire.head()
            answer.body = b"".join([piece async for piece in wire.pieces()])
            found[answer.status] += 1
        return found


async def test_an_address_has_a_second_s_worth_at_once_and_another_address_its_own(tight: Gateway) -> None:
    began = time.monotonic()
    found = await statuses(tight, 200)
    assert found.keys() == {200, 429}
    assert 50 < found[200] <= 52 + 50 * (time.monotonic() - began)
    assert await statuses(tight, 30) == {200: 30}


@pytest.mark.requirement("access.rates")
async def test_a_key_is_limited_from_wherever_it_comes_and_the_others_are_not(tight: Gateway) -> None:
    began, bearer = time.monotonic(), [("Authorization", f"Bearer {FRESH}")]
    found = await statuses(tight, 40, "/health", bearer)
    assert 10 < found[200] <= 12 + 10 * (time.monotonic() - began)
    assert (await statuses(tight, 40, "/health", bearer))[429] > 0, "from another address"
    assert await statuses(tight, 10, "/health", [("Authorization", f"Bearer {QUIET}")]) == {200: 10}


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY}", f"Bearer Bearer {KEY}", f"bEaReR   bearer {KEY}"],
)
async def test_a_key_is_one_key_however_its_scheme_is_written(tight: Gateway, authorization: str) -> None:
    await statuses(tight, 20, "/health", BEARER)
    assert (await statuses(tight, 40, "/health", [("Authorization", authorization)]))[429] > 0


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer short12", f"Basic {KEY}", f"Bearer {KEY} x", "Bearer " + "k" * 513, "Bearer k\xe9yyyyyyyy"],
)
async def test_who_has_no_well_formed_key_is_a_stranger(usual: Gateway, authorization: str) -> None:
    headers = [("Authorization", authorization)] if authorization else []
    began = time.monotonic()
    found = await statuses(usual, 200, "/nothing", headers)
    assert 100 < found[404] <= 102 + 20 * (time.monotonic() - began), found
    known = [("Authorization", f"Bearer 8-{len(authorization):06}")]
    assert await statuses(usual, 200, "/nothing", known) == {404: 200}


async def test_strangers_are_limited_wherever_they_go_but_for_preflights_and_health(usual: Gateway) -> None:
    """Also where nothing is: that is how a prefix is looked for, and `return` alone goes past every limit."""
    for method, path, status in (
        ("POST", f"/{PREFIX}/mcp", 401), ("POST", "/nothing", 404), ("POST", f"/{PREFIX}/nothing", 404),
        ("FOO", f"/{PREFIX}/mcp", 405), ("FOO", "/nothing", 404),
    ):  # fmt: skip
        began = time.monotonic()
        found = await statuses(usual, 300, path, method=method)
        assert found.keys() == {status, 429}, (method, path)
        assert 100 < found[status] <= 102 + 20 * (time.monotonic() - began), (method, path, found)
    assert await statuses(usual, 300, f"/{PREFIX}/mcp", method="OPTIONS") == {204: 300}
    assert await statuses(usual, 300, f"/{PREFIX}/health") == {200: 300}


async def test_b49_a_fresh_key_for_every_request_is_stopped_by_the_limits_of_its_address(tight: Gateway) -> None:
    source, found, began = fresh_address(), Counter[int](), time.monotonic()
    async with await Wire.connect(tight.host, tight.port, source=source) as wire:
        for number in range(200):
            headers = [("Authorization", f"Bearer random-key-{number:06}")]
            found[(await wire.request("POST", "/mcp", headers, b"{}")).status] += 1
    assert found.keys() == {401, 429}
    assert 20 <= found[401] <= 21 + PER_SECOND * (time.monotonic() - began)


async def test_b50_long_keys_fill_no_zone(tight: Gateway) -> None:
    """10,000 of 8 kB would be 80 MB of a zone's 10: what is too long for a key counts for its address alone."""
    for length, limited in ((512, True), (513, False), (8000, False)):
        long = [("Authorization", f"Bearer {'k' * length}")]
        found = await statuses(tight, 40, "/mcp", long, method="OPTIONS")
        assert (found[429] > 0, found[204] > 0) == (limited, True), (length, found)


async def test_b48_a_thousand_wrong_keys_slow_down_their_address_and_nobody_with_a_key(usual: Gateway) -> None:
    source, found, began = fresh_address(), Counter[int](), time.monotonic()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    kept = [("Content-Type", "application/json"), *BEARER]
    async with await Wire.connect(usual.host, usual.port, source=source) as wire:
        for number in range(1000):
            wrong = [("Authorization", f"Bearer wrong-key-{number % 7:06}")]
            answer = await wire.request("POST", f"/{PREFIX}/mcp", wrong, b"{}")
            found[answer.status] += 1
            if answer.status == 429:
                assert 0 < int(answer.header("retry-after") or "0") <= 3
                assert answer.json()["error"] == "too_many_requests"
            if number % 100 == 0:
                assert (await wire.request("POST", f"/{PREFIX}/mcp", kept, body)).status == 200
    assert found.keys() == {401, 429}
    assert 20 <= found[401] <= 21 + PER_SECOND * (time.monotonic() - began)
    for address in (fresh_address(), ""):
        answer = exchange(
            usual, request("GET", f"/{PREFIX}/health", "Authorization: Bearer wrong-key-1"), source=address
        )
        assert parsed(answer)[0] == 401, "another address is not concerned"


async def test_a_key_has_so_many_streams_and_calls_beside_them(tight: Gateway) -> None:
    caller = Caller(tight.host, tight.port, OTHER, "modern", source=fresh_address())
    asked = {"notifications": {"toolsListChanged": True}}
    wires: list[Wire] = []
    try:
        for expected in (200, 200, 200, 429):
            await asyncio.sleep(0.2)  # the key's rate is not what is tried here
            wire = await caller.wire()
            wires.append(wire)
            raw = json.dumps(caller.body("subscriptions/listen", asked, caller.fresh_id())).encode()
            answer = await wire.ask("POST", "/mcp", caller.headers("subscriptions/listen"), raw)
            assert answer.status == expected, answer
        assert (await caller.call("bench__whoami")).status == 200
    finally:
        for wire in wires:
            await wire.close()
    refused = eventually(lambda: [line for line in lines_of(tight) if line["limit"] == "connections"], what="a refusal")
    assert [line["status"] for line in refused] == [429]


@pytest.mark.parametrize(
    ("path", "shape"), [("/mcp", {"jsonrpc", "error"}), ("/health", {"error", "error_description"})]
)
async def test_who_is_refused_is_told_when_to_come_again_in_the_form_of_the_place(
    tight: Gateway, path: str, shape: set[str]
) -> None:
    bearer = "".join(f"{name}: {value}\r\n" for name, value in BEARER)
    agent = f"told{len(path)}"
    async with await Wire.connect(tight.host, tight.port, source=fresh_address()) as wire:
        # The last of many that come at once: a moment later one more would be let through.
        many = f"GET /health HTTP/1.1\r\nHost: x\r\n{bearer}\r\n" * 40
        await wire.send(f"{many}GET {path} HTTP/1.1\r\nHost: x\r\n{bearer}User-Agent: {agent}\r\n\r\n".encode())
        for _ in range(41):
            answer = await wire.head()
            answer.body = b"".join([piece async for piece in wire.pieces()])
    assert (answer.status, answer.header("retry-after")) == (429, "1")
    assert set(answer.json()) == shape
    line = eventually(lambda: line_of(tight, agent))
    assert (line["limit"], line["status"], line["upstream_status"]) == ("rate", 429, "")


async def test_ten_people_and_their_agents_behind_one_address_never_meet_a_limit(usual: Gateway) -> None:
    """Each starts five agents at once, which look for what they know (without a key), open a stream and call."""
    source = fresh_address()

    async def agent(key: str) -> Counter[int]:
        found: Counter[int] = Counter()
        async with await Wire.connect(usual.host, usual.port, source=source) as wire:
            for path in ("/.well-known/oauth-protected-resource", f"/{PREFIX}/mcp"):
                found[(await wire.request("GET", path)).status] += 1
            caller = Caller(usual.host, usual.port, key, "modern", path=f"/{PREFIX}/mcp", source=source)
            for _ in range(20):
                found[(await caller.ask("ping" if caller.era == "legacy" else "tools/list", wire=wire)).status] += 1
        return found

    async with asyncio.TaskGroup() as people:
        agents = [people.create_task(agent(key)) for key in (KEY, OTHER) for _ in range(25)]
    total = sum((task.result() for task in agents), Counter[int]())
    assert total[429] == 0, total
    assert total[200] == 1000
