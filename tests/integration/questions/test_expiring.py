"""Questions that nobody answers in time: their calls end, and what answers them later is refused."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.questions.cast import ANN, KEYS
from tests.integration.questions.conftest import LEGACY, MODERN
from tests.integration.questions.wire import YES, Legacy, Modern
from tests.support.gateway import Gateway, running_gateway
from tests.support.programs import keys_file, listening
from tests.support.wire import Caller, until


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in which a question is good for two seconds. A client's calls share one session of `files`."""
    env = keys_file(KEYS, tmp_path_factory.mktemp("keys"))
    with listening(MODERN) as (modern,):
        servers: dict[str, Any] = {
            "files": {"command": LEGACY[0], "args": LEGACY[1:], "pool": "client"},
            "modern": {"url": f"http://127.0.0.1:{modern}/mcp", "era": "modern"},
        }
        app = "tests.support.brief_app:create_app"
        with running_gateway({"mcpServers": servers}, keys={}, env=env, app=app) as running:
            yield running


@pytest.fixture(autouse=True)
async def listed(brief: Gateway) -> None:
    async def both_there() -> bool:
        tools = (await Caller(brief.host, brief.port, ANN).ask("tools/list")).result["tools"]
        return {tool["name"].partition("__")[0] for tool in tools} == {"files", "modern"}

    await until(both_there, "both servers are listed", 30)


async def cancelled(ann: Modern) -> int:
    """How many calls the server of this client was told to cancel."""
    journal = json.loads((await ann.call("files__journal")).text)
    return sum(line.startswith("cancelled") for line in journal)


async def test_a_parked_call_ends_at_its_server_and_its_state_is_refused(brief: Gateway) -> None:
    ann = Modern(brief)
    before = await cancelled(ann)
    asked = await ann.question("files__ask")
    [key] = asked["inputRequests"]

    async def is_told() -> bool:
        return await cancelled(ann) == before + 1

    await until(is_told, "the server is told that the call is over", 20)
    late = await ann.retry("files__ask", {}, asked, {key: YES})
    altered = await ann.retry("files__ask", {}, {"requestState": "made up"}, {key: YES})
    for refused in (late, altered):
        assert (refused.status, refused.error["code"]) == (400, -32602)
    assert late.error["message"] == altered.error["message"], "nothing tells why"
    again = await ann.question("files__ask")
    [key] = again["inputRequests"]
    assert json.loads((await ann.retry("files__ask", {}, again, {key: YES})).text) == [{"result": YES}]


async def test_a_state_of_a_modern_server_is_refused_once_it_is_too_old(brief: Gateway) -> None:
    ann, arguments = Modern(brief), {"greeting": "Hello"}
    asked = await ann.question("modern__greet", arguments)

    async def is_too_old() -> bool:
        reply = await ann.retry("modern__greet", arguments, asked, {"name": YES})
        assert "error" in reply.message or reply.text == "Hello, yes! state None"
        return "error" in reply.message

    assert not await is_too_old()
    await until(is_too_old, "the state has expired", 20)
    refused = await ann.retry("modern__greet", arguments, asked, {"name": YES})
    assert (refused.status, refused.error["code"]) == (400, -32602)


@pytest.mark.parametrize(("tool", "arguments"), [("files__ask", {}), ("modern__greet", {"greeting": "Hello"})])
async def test_a_session_that_never_answers_is_asked_no_more_and_its_call_ends(
    brief: Gateway, tool: str, arguments: dict[str, str]
) -> None:
    ann = await Legacy(brief).begin()
    async with asyncio.timeout(20), ann.calls(tool, arguments) as call:
        asked = await call.request()
        taken = await call.next()
        assert (taken["method"], taken["params"]["requestId"]) == ("notifications/cancelled", asked["id"])
        error = (await call.next())["error"]
        assert (error["code"], error["data"]["fault"]) == (-32603, "timeout")
    assert (await ann.answer(asked["id"], result=YES)).status == 202, "too late, and dropped"
