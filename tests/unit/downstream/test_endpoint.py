"""One message at the endpoint: who sent it, in which session, and where it goes."""

import asyncio
import json
import logging
from typing import Any

import pytest

from app.config.keyring import Principal
from app.downstream import endpoint as module
from app.downstream.answering import SESSION
from app.downstream.call_log import CallLog
from app.downstream.endpoint import Endpoint
from app.gateway.gateway import Gateway
from app.protocol.sse import Decoder
from app.protocol.versions import Era
from tests.unit.downstream.conftest import ANN, BOB, headers, message
from tests.unit.downstream.wire import Wire, scope

LIMIT = 4096


class Door:
    """The endpoint, and one request at a time to it."""

    def __init__(self, house: Gateway) -> None:
        self.house = house
        self.endpoint = Endpoint(lambda: house, LIMIT, CallLog(), lambda _: ANN)

    async def post(self, body: bytes, *more: tuple[bytes, bytes], who: Principal = ANN, only: str = "") -> Wire:
        return await self.send("POST", headers("", "", *more), body, who, only)

    async def modern(self, method: str, params: dict[str, Any] | None = None, name: str = "", **more: Any) -> Wire:
        body = message(method, params, modern=True)
        return await self.send("POST", headers(method, name, modern=True), body, **more)

    async def send(
        self, method: str, sent: list[Any], body: bytes = b"", who: Principal = ANN, only: str = "", **more: Any
    ) -> Wire:
        wire = Wire(body)
        found = scope(method, sent, path_params={"name": only} if only else {}, **{"mcp.principal": who}, **more)
        async with asyncio.timeout(30):
            await self.endpoint.serve(found, wire.receive, wire.send)
        return wire

    async def session(self, who: Principal = ANN, version: str = "2025-11-25") -> tuple[bytes, bytes]:
        wire = await self.post(message("initialize", {"protocolVersion": version}), who=who)
        return (SESSION, wire.headers[SESSION])


@pytest.fixture
def door(house: Gateway) -> Door:
    return Door(house)


def told(wire: Wire) -> Any:
    return json.loads(wire.body)


def batch(*members: bytes) -> bytes:
    return b"[%b]" % b",".join(members)


async def test_a_handshake_opens_a_session_that_only_its_principal_has(door: Door) -> None:
    session = await door.session()
    assert (await door.post(message("ping"), session)).status == 200
    assert (await door.post(message("ping"), session, who=BOB)).status == 404
    assert (await door.send("DELETE", [session], who=BOB)).status == 404
    assert (await door.send("DELETE", [session])).status == 204
    assert (await door.post(message("ping"), session)).status == 404


async def test_a_request_without_a_session_is_served_and_one_of_an_unknown_session_is_not(door: Door) -> None:
    assert told(await door.post(message("ping"))) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    wire = await door.post(message("ping"), (SESSION, b"w0-nobody"))
    assert (wire.status, told(wire)["error"]["message"]) == (404, module.UNKNOWN_SESSION.message)


async def test_a_principal_lists_and_calls_what_it_may_see(door: Door) -> None:
    names = [tool["name"] for tool in told(await door.post(message("tools/list"), who=BOB))["result"]["tools"]]
    assert names
    assert {name.split("__")[0] for name in names} == {"b"}
    called = await door.post(message("tools/call", {"name": "b__whoami"}), who=BOB)
    assert told(called)["result"]["content"][0]["text"].startswith("b ")
    hidden = told(await door.post(message("tools/call", {"name": "a__whoami"}), who=BOB))
    unknown = told(await door.post(message("tools/call", {"name": "a__whoamj"}), who=BOB))
    assert hidden["error"]["message"].replace("whoami", "whoamj") == unknown["error"]["message"]


async def test_one_servers_endpoint_is_there_for_those_who_may_use_it(door: Door) -> None:
    alone = await door.post(message("tools/call", {"name": "whoami"}), only="a")
    assert told(alone)["result"]["content"][0]["text"].startswith("a ")
    for only, who in (("a", BOB), ("nope", ANN)):
        wire = await door.post(message("ping"), only=only, who=who)
        assert (wire.status, wire.body) == (404, module.NOT_FOUND)


async def test_a_modern_request_is_answered_with_what_its_revision_requires(door: Door) -> None:
    found = told(await door.modern("server/discover"))["result"]
    assert found["resultType"] == "complete"
    listed = told(await door.modern("tools/list"))["result"]
    assert (listed["ttlMs"], listed["cacheScope"]) == (0, "private")
    called = await door.modern("tools/call", {"name": "a__whoami"}, "a__whoami")
    assert told(called)["result"]["resultType"] == "complete"


async def test_an_unknown_method_has_the_status_of_its_era(door: Door) -> None:
    legacy, modern = await door.post(message("nope")), await door.modern("nope")
    assert (legacy.status, told(legacy)["error"]["code"]) == (200, -32601)
    assert (modern.status, told(modern)["error"]["code"]) == (404, -32601)


async def test_notifications_are_accepted_and_so_are_answers_to_nothing_which_may_be_late(door: Door) -> None:
    wire = await door.post(message("notifications/initialized", ident=None))
    assert (wire.status, wire.body) == (202, b"")
    assert (await door.post(b'{"jsonrpc":"2.0","id":1,"result":{}}')).status == 202


async def test_a_cancel_reaches_the_call_of_its_own_session_alone(door: Door, tasks: asyncio.TaskGroup) -> None:
    mine, other = await door.session(), await door.session()
    held = tasks.create_task(
        door.post(message("tools/call", {"name": "a__hold", "arguments": {"label": "x"}}, ident="mine"), mine)
    )
    while not door.house.drivers:  # noqa: ASYNC110 - a call that begins tells nobody
        await asyncio.sleep(0)
    cancel = message("notifications/cancelled", {"requestId": "mine", "reason": "enough"}, ident=None)
    assert (await door.post(cancel, other)).status == 202
    assert (await door.post(cancel)).status == 202
    assert not held.done()
    assert (await door.post(cancel, mine)).status == 202
    assert told(await held)["error"]["message"] == "enough"


@pytest.mark.parametrize(
    ("method", "sent", "allow"),
    [
        ("GET", [], b"POST, DELETE, OPTIONS"),
        ("PUT", [], b"POST, GET, DELETE, OPTIONS"),
        ("GET", [(b"mcp-protocol-version", b"2026-07-28")], b"POST, OPTIONS"),
        ("DELETE", [(b"mcp-protocol-version", b"2026-07-28")], b"POST, OPTIONS"),
    ],
)
async def test_other_methods_are_told_what_is_allowed(
    door: Door, method: str, sent: list[tuple[bytes, bytes]], allow: bytes
) -> None:
    wire = await door.send(method, sent)
    assert (wire.status, wire.headers[b"allow"]) == (405, allow)
    assert told(wire)["error"] == "method_not_allowed"


async def test_a_delete_of_nothing_says_what_it_takes(door: Door) -> None:
    wire = await door.send("DELETE", [])
    assert (wire.status, told(wire)["error"]) == (400, "bad_request")


async def test_a_preflight_needs_no_key(door: Door) -> None:
    wire = Wire()
    await door.endpoint.serve(scope("OPTIONS"), wire.receive, wire.send)
    assert wire.status == 204


async def test_a_body_may_be_as_long_as_the_limit_and_not_a_byte_longer(door: Door) -> None:
    ping = message("ping")
    assert (await door.post(ping.ljust(LIMIT))).status == 200
    wire = await door.post(ping.ljust(LIMIT + 1))
    assert (wire.status, told(wire)["error"]) == (413, "too_large")


async def test_every_call_leaves_one_line_also_one_that_went_no_further(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.call")
    await door.post(message("tools/call", {"name": "a__whoami"}))
    await door.post(b"not json")
    await door.modern("ping")
    lines = [record.fields for record in caplog.records if record.name == "app.call"]
    assert [(line["method"], line["tool"], line["server"], line["era"], line["outcome"]) for line in lines] == [
        ("tools/call", "a__whoami", "a", Era.LEGACY.value, "ok"),
        ("", "", "", Era.LEGACY.value, "parse_error"),
        ("ping", "", "", Era.MODERN.value, "method_not_found"),
    ]
    assert len({line["request"] for line in lines}) == 3


async def test_what_nothing_expected_is_told_in_json_rpc_with_the_id_of_its_line(
    door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise LookupError("a bug, with /a/path")

    monkeypatch.setattr(module.answers, "listing", broken)
    caplog.set_level(logging.INFO, "app.call")
    wire = await door.modern("tools/list")
    error = told(wire)["error"]
    assert (wire.status, error["code"], told(wire)["id"]) == (500, -32603, 1)
    assert b"path" not in wire.body
    (line,) = [record.fields for record in caplog.records if record.name == "app.call"]
    assert (line["outcome"], line["request"]) == ("internal", error["data"]["requestId"])
    assert any(record.exc_info for record in caplog.records)


async def test_a_batch_is_answered_together_each_under_its_own_id(door: Door) -> None:
    session = await door.session(version="2025-03-26")
    members = (
        message("ping", ident="a"),
        message("notifications/initialized", ident=None),
        message("tools/call", {"name": "a__whoami"}, ident=2),
        message("initialize", {"protocolVersion": "2025-03-26"}, ident=3),
    )
    wire = await door.post(batch(*members), session)
    found = {answer["id"]: answer for answer in told(wire)}
    assert set(found) == {"a", 2, 3}
    assert found["a"]["result"] == {}
    assert found[2]["result"]["content"][0]["text"].startswith("a ")
    assert found[3]["error"]["code"] == -32600
    assert len(door.house.sessions) == 1
    accepted = await door.post(batch(members[1], members[1]), session)
    assert (accepted.status, accepted.body) == (202, b"")


async def test_a_batch_with_progress_is_answered_as_one_stream(door: Door) -> None:
    call = {"name": "a__count", "arguments": {"steps": 2}, "_meta": {"progressToken": "p"}}
    wire = await door.post(batch(message("tools/call", call, ident=1), message("ping", ident=2)))
    assert wire.headers[b"content-type"] == b"text/event-stream"
    found = [json.loads(event.data) for event in Decoder().feed(wire.body)]
    assert [answer.get("id") for answer in found if "method" not in answer] in ([1, 2], [2, 1])
    assert [notice["params"]["progress"] for notice in found if "method" in notice] == [1, 2]
    assert wire.ended


@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
async def test_other_revisions_have_no_batches_whatever_the_header_says(door: Door, version: str) -> None:
    session = await door.session(version=version)
    for sent in ((), ((b"mcp-protocol-version", b"2025-03-26"),)):
        wire = await door.post(batch(message("ping")), session, *sent)
        assert (wire.status, told(wire)["error"]["code"]) == (400, -32600)


async def test_a_batch_in_a_session_that_is_no_more_is_told_so_by_its_status(door: Door) -> None:
    wire = await door.post(batch(message("ping"), message("notifications/x", ident=None)), (SESSION, b"w0-gone"))
    assert wire.status == 404
    assert "id" not in json.loads(wire.body)


async def test_a_batch_without_a_session_is_one_of_the_assumed_revision(door: Door) -> None:
    assert told(await door.post(batch(message("ping")))) == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
    later = await door.post(batch(message("ping")), (b"mcp-protocol-version", b"2025-06-18"))
    assert (later.status, told(later)["error"]["code"]) == (400, -32600)
    assert (await door.post(b"[]")).status == 400
    assert (await door.post(b"[1")).status == 400


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
        ("", "2025-11-25"),
    ],
)
async def test_a_handshake_ends_with_the_clients_revision_or_our_last_one_that_has_handshakes(
    door: Door, asked: str, agreed: str
) -> None:
    wire = await door.post(message("initialize", {"protocolVersion": asked}))
    assert told(wire)["result"]["protocolVersion"] == agreed
    session = door.house.sessions.find("ann", wire.headers[SESSION].decode())
    assert session is not None
    assert session.version == agreed
    assert (session.journals is not None) == (agreed == "2025-11-25")
