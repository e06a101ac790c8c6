"""Batches of 2025-03-26, and nowhere else, through nginx."""

import json
from typing import Any

import pytest

from tests.support.wire import Answer, Caller


def request(method: str, ident: object = None, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    return found if ident is None else {**found, "id": ident}


async def post(client: Caller, *members: Any) -> Answer:
    return await client.post(json.dumps(members).encode())


async def test_requests_notifications_and_answers_go_together_and_requests_alone_are_answered(client: Caller) -> None:
    await client.initialize("2025-03-26")
    answer = await post(
        client,
        request("tools/call", 1, name="a__whoami"),
        request("notifications/roots/list_changed"),
        request("tools/call", "two", name="b__whoami"),
        request("no/such", 3),
        {"jsonrpc": "2.0", "id": 4, "method": 7},
    )
    assert answer.status == 200
    found = {reply["id"]: reply for reply in answer.json()}
    assert set(found) == {1, "two", 3, 4}
    assert found[1]["result"]["content"][0]["text"].startswith("a ")
    assert found["two"]["result"]["content"][0]["text"].startswith("b ")
    assert found[3]["error"]["code"] == -32601
    assert found[4]["error"]["code"] == -32600


async def test_members_run_side_by_side_and_progress_makes_the_answer_a_stream(client: Caller) -> None:
    await client.initialize("2025-03-26")
    hold = {"name": "a__hold", "arguments": {"label": "batch"}, "_meta": {"progressToken": "p"}}
    answer = await post(
        client,
        request("tools/call", 1, **hold),
        request("tools/call", 2, name="a__release", arguments={"label": "batch"}),
    )
    assert answer.is_stream
    messages = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: ")]
    assert {message["id"] for message in messages if "id" in message} == {1, 2}
    assert [message["params"]["progressToken"] for message in messages if "method" in message] == ["p"]


async def test_notifications_alone_are_accepted(client: Caller) -> None:
    await client.initialize("2025-03-26")
    answer = await post(client, request("notifications/a"), request("notifications/b"))
    assert (answer.status, answer.body) == (202, b"")


async def test_a_handshake_is_no_part_of_a_batch(client: Caller) -> None:
    params = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    answer = await post(client, request("initialize", 1, **params))
    assert answer.header("mcp-session-id") is None
    assert answer.json()[0]["error"]["code"] == -32600


@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
async def test_other_revisions_refuse_them(client: Caller, version: str) -> None:
    await client.initialize(version)
    client.version = None  # the session tells, also where the header is missing
    answer = await post(client, request("ping", 1))
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize("size", [0, 101])
async def test_a_batch_is_bounded(client: Caller, size: int) -> None:
    await client.initialize("2025-03-26")
    answer = await post(client, *(request("ping", number) for number in range(size)))
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32600)
    full = await post(client, *(request("ping", number) for number in range(100)))
    assert len(full.json()) == 100
