"""What passes though no revision knows it, what arrives in order, and what is refused."""

import json

import pytest

from tests.support.ann_and_bob import Make
from tests.support.wire import META, Caller, Json, Reply, until


@pytest.mark.requirement("messages.delivered")
@pytest.mark.parametrize("server", ["new", "old", "pipe"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_method_of_no_revision_reaches_the_server_that_is_asked_by_name(
    client: Make, server: str, era: str
) -> None:
    reply = await client(server, era=era).ask("vendor/echo", {"a": [1.5], "_meta": {"own/key": 1}})
    assert reply.result["echo"] == {"a": [1.5]}
    reply = await client(era=era).ask("vendor/echo", {})
    assert (reply.status, reply.error["code"]) == (404 if era == "modern" else 200, -32601)


@pytest.mark.requirement("methods.unknown")
@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list"]
)
async def test_a_method_of_another_revision_is_unknown_and_never_passed(client: Make, method: str) -> None:
    for server in ("", "new", "old"):
        reply = await client(server).ask(method, {"level": "info", "uri": "a:b"})
        assert (reply.status, reply.error["code"]) == (404, -32601), server
    seen = json.loads((await client("new").call("seen")).text)
    assert method not in {one["method"] for one in seen}


@pytest.mark.requirement("messages.delivered")
@pytest.mark.parametrize("server", ["new", "old", "pipe"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_notification_of_no_revision_reaches_the_server_that_is_told_by_name(
    client: Make, server: str, era: str
) -> None:
    caller, mark = client(server, era=era), f"{server} {era}"
    assert (await caller.notify("notifications/vendor", {"mark": mark})).status == 202

    async def arrived() -> bool:
        seen = json.loads((await caller.call("seen")).text)
        return mark in [one["params"].get("mark") for one in seen if one["method"] == "notifications/vendor"]

    await until(arrived, "the notification is there")


@pytest.mark.requirement("meta.passed")
async def test_what_traces_a_request_reaches_the_server(client: Make) -> None:
    trace = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "a=b",
        "baggage": "c=d",
    }
    for server in ("new", "old", "pipe"):
        for era in ("modern", "legacy"):
            caller = client(server, era=era)
            assert (await caller.call("say", {"result": {"content": []}}, _meta=trace)).result is not None
            seen = json.loads((await caller.call("seen")).text)
            meta = [one["params"].get("_meta") for one in seen if one["params"].get("name") == "say"][-1]
            assert {name: meta[name] for name in trace} == trace
            assert (META + "protocolVersion" in meta) is (server == "new")


def besides_logs(reply: Reply, caller: Caller) -> list[Json]:
    """What came before the answer; a legacy client that has set no level gets log messages too."""
    legacy = caller.era == "legacy"
    return [notice for notice in reply.notices if not (legacy and notice["method"] == "notifications/message")]


async def steps(caller: Caller, token: object, values: list[float]) -> list[float]:
    """Calls `steps`; what it was told of them, after which nothing may come."""
    reply = await caller.call("steps", {"values": values}, _meta={"progressToken": token})
    assert reply.text == "stepped"
    notices = besides_logs(reply, caller)
    assert [notice["method"] for notice in notices] == ["notifications/progress"] * len(notices)
    tokens = [notice["params"]["progressToken"] for notice in notices]
    assert tokens == [token] * len(tokens)
    assert all(type(found) is type(token) for found in tokens)
    return [notice["params"]["progress"] for notice in notices]


@pytest.mark.requirement("progress.tokens", "progress.rises", "progress.stops")
@pytest.mark.parametrize("server", ["new", "old", "pipe"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("token", [7, "seven"])
async def test_progress_rises_under_the_clients_own_token_and_ends_with_the_answer(
    client: Make, server: str, era: str, token: object
) -> None:
    caller = client(server, era=era)
    assert await steps(caller, token, [-1, 0, 0, 0.5, 0.25, 1, 1, 2]) == [-1, 0, 0.5, 1, 2]


@pytest.mark.parametrize("cursor", ["", "x", 5])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_cursor_that_nobody_was_given_is_a_wrong_param(client: Make, era: str, cursor: object) -> None:
    reply = await client(era=era).ask("tools/list", {"cursor": cursor})
    assert (reply.status, reply.error["code"]) == (400 if era == "modern" else 200, -32602)
    assert (await client(era=era).ask("tools/list", {"cursor": None})).result["tools"]


@pytest.mark.requirement("logging.asked")
async def test_a_modern_client_that_asks_for_no_log_messages_gets_none(client: Make) -> None:
    for server in ("new", "old", "pipe"):
        reply = await client(server).call("steps", {"values": [1, 2]}, _meta={"progressToken": 1})
        assert [notice["method"] for notice in reply.notices] == ["notifications/progress"] * 2
        assert (await client(server).call("steps", {"values": [1]})).notices == []


@pytest.mark.requirement("http.no_requests")
async def test_a_modern_client_is_never_sent_a_request(client: Make) -> None:
    reply = await client("pipe").call("steps", {"values": [1, 2], "asks": True}, _meta={"progressToken": 1})
    assert not [notice for notice in reply.notices if "id" in notice]
    assert reply.message["id"] is not None


@pytest.mark.requirement("cancel.purpose")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_what_a_server_tells_the_gateway_reaches_no_client(client: Make, era: str) -> None:
    for server in ("new", "old", "pipe"):
        caller = client(server, era=era)
        reply = await caller.call("steps", {"values": [1]}, _meta={"progressToken": 1})
        assert [notice["method"] for notice in besides_logs(reply, caller)] == ["notifications/progress"], server


@pytest.mark.parametrize("server", ["new", "old"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_notification_of_no_revision_in_the_answer_to_a_call_reaches_its_client(
    client: Make, server: str, era: str
) -> None:
    caller, said = client(server, era=era), {"a": [1.5], "_meta": {"own/key": 1}}
    [notice] = besides_logs(await caller.call("steps", {"values": [], "says": said}), caller)
    assert (notice["method"], notice["params"]) == ("notifications/vendor", said)
