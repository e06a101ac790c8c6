"""Long calls of clients that take JSON alone: white space before the answer, so that nginx and tunnels wait for it."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.support.gateway import KEY, Gateway, running_gateway
from tests.support.pace import kept
from tests.support.programs import workbench
from tests.support.wire import Caller, Json, Wire, read_reply, until

CONFIG = {"mcpServers": {"bench": workbench("bench"), "frail": workbench("frail")}}
ERAS = ("legacy", "modern")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway(CONFIG, keys={KEY: "one"}, edge=True, app="tests.support.hasty_app:create_app") as running:
        running.wait_until_ready()
        yield running


def caller(gateway: Gateway, era: str) -> Caller:
    return Caller(gateway.host, gateway.port, KEY, era, accept="application/json")


def hold(label: str, server: str = "bench") -> Json:
    return {"name": f"{server}__hold", "arguments": {"label": label}}


async def waited(wire: Wire) -> None:
    """The head of an answer to come, and two signs of life, each as it was sent."""
    answer = await wire.head()
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.header("content-length") is None
    pieces = wire.pieces()
    began = time.monotonic()
    assert [await anext(pieces), await anext(pieces)] == [b" ", b" "]
    assert kept(time.monotonic() - began, 10)


async def journaled(caller: Caller, entry: str) -> None:
    async def has() -> bool:
        return entry in json.loads((await caller.call("bench__journal")).text)

    await until(has, entry)


@pytest.mark.parametrize("era", ERAS)
async def test_the_answer_follows_white_space_on_a_connection_that_goes_on(gateway: Gateway, era: str) -> None:
    client, label = caller(gateway, era), uuid.uuid4().hex
    async with client.open("tools/call", hold(label), ident=7) as wire:
        await waited(wire)
        await client.call("bench__release", {"label": label})
        rest = b"".join([piece async for piece in wire.pieces()])
        message = json.loads(rest)
        assert (message["id"], message["result"]["content"][0]["text"]) == (7, f"released {label}")
        assert (await client.call("bench__whoami", wire=wire)).status == 200


async def test_who_hangs_up_meanwhile_is_understood_as_its_era_has_it(gateway: Gateway) -> None:
    labels = {era: uuid.uuid4().hex for era in ERAS}
    for era in ERAS:
        async with caller(gateway, era).open("tools/call", hold(labels[era])) as wire:
            await waited(wire)
    client = caller(gateway, "modern")
    await journaled(client, f"cancelled {labels['modern']}")
    journal = (await client.call("bench__journal")).text
    assert f"cancelled {labels['legacy']}" not in journal
    await client.call("bench__release", {"label": labels["legacy"]})


async def test_a_batch_is_one_array_after_its_members_white_space(gateway: Gateway) -> None:
    client, label = caller(gateway, "legacy"), uuid.uuid4().hex
    await client.initialize("2025-03-26")
    held = client.body("tools/call", hold(label), 1)
    raw = json.dumps([held, client.body("ping", None, 2)]).encode()
    async with await client.wire() as wire:
        answer = await wire.ask("POST", "/mcp", client.headers(), raw)
        assert (answer.status, answer.header("content-length")) == (200, None)
        await client.call("bench__release", {"label": label})
        answer.body = b"".join([piece async for piece in wire.pieces()])
    assert answer.body.startswith(b" ")
    assert {member["id"] for member in answer.json()} == {1, 2}


async def test_a_client_of_http_1_0_gets_all_of_it(gateway: Gateway) -> None:
    client, label = caller(gateway, "legacy"), uuid.uuid4().hex
    raw = json.dumps(client.body("tools/call", hold(label), 1)).encode()
    lines = ["POST /mcp HTTP/1.0", f"Content-Length: {len(raw)}", *(f"{n}: {v}" for n, v in client.headers())]
    async with await client.wire() as wire:
        await wire.send(("\r\n".join(lines) + "\r\n\r\n").encode() + raw)
        await waited(wire)
        await client.call("bench__release", {"label": label})
        rest = b"".join([piece async for piece in wire.pieces()])
    assert json.loads(rest)["id"] == 1


async def test_a_call_that_fails_after_its_status_was_sent_says_so_in_the_answer(gateway: Gateway) -> None:
    client, label = caller(gateway, "modern"), uuid.uuid4().hex
    async with client.open("tools/call", hold(label, "frail"), ident=7) as wire:
        answer = await wire.head()
        await client.call("frail__crash")
        reply = await read_reply(wire, answer, 7)
    assert reply.status == 200
    assert "unknown" in json.dumps(reply.message)
