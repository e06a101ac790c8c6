import json
from typing import Any

import anyio
import pytest
from mcp.shared.dispatcher import Dispatcher
from mcp.shared.exceptions import MCPError

from app.protocol.faults import Fault, Kind
from app.upstream.connection import Connection
from app.upstream.dispatcher import CLIENT_CAPABILITIES, ConnectionDispatcher
from app.upstream.errors import UpstreamError
from tests.support.recorded import RecordedWire


def dispatching(reply: str, capabilities: dict[str, Any] | None = None) -> tuple[ConnectionDispatcher, RecordedWire]:
    wire = RecordedWire(lambda message: reply.replace("ID", str(message["id"])).encode() if "id" in message else None)
    wire.receiver = Connection(wire, "files")
    return ConnectionDispatcher(wire.receiver, 1.0, capabilities or {}), wire


async def test_a_result_comes_back_and_is_kept_as_written() -> None:
    dispatcher, wire = dispatching('{"id":ID,"result":{"a": 1.0}}')
    assert isinstance(dispatcher, Dispatcher)
    assert await dispatcher.send_raw_request("x/y", {"p": 1}, {"headers": {"H": "v"}}) == {"a": 1.0}
    assert bytes(dispatcher.results["x/y"]) == b'{"a": 1.0}'
    assert wire.sent[0].headers == {"H": "v"}


async def test_capabilities_are_ours_wherever_the_sdk_writes_them() -> None:
    dispatcher, wire = dispatching('{"id":ID,"result":{}}', {"own": {}})
    params = {"capabilities": {"sampling": {}}, "_meta": {CLIENT_CAPABILITIES: {"roots": {}}, "x": 1}}
    await dispatcher.send_raw_request("x", params)
    await dispatcher.send_raw_request("x", {"_meta": {"x": 1}})
    assert wire.messages[0]["params"] == {
        "capabilities": {"own": {}},
        "_meta": {CLIENT_CAPABILITIES: {"own": {}}, "x": 1},
    }
    assert wire.messages[1]["params"] == {"_meta": {"x": 1}}


@pytest.mark.parametrize(
    ("error", "code"), [('{"code":-7,"message":"m","data":[1]}', -7), ("{}", -32603), ('{"code":"text"}', -32603)]
)
async def test_an_error_however_odd_is_the_sdk_s_exception(error: str, code: int) -> None:
    dispatcher, _ = dispatching('{"id":ID,"error":%s}' % error)  # noqa: UP031
    with pytest.raises(MCPError) as caught:
        await dispatcher.send_raw_request("x", None)
    assert caught.value.code == code


async def test_a_failure_of_the_wire_is_ours() -> None:
    dispatcher, wire = dispatching("noise")
    wire.answer = lambda message: (
        wire.receiver.failed(message["id"], Fault(Kind.CLOSED, "gone")) if wire.receiver else None
    )
    with pytest.raises(UpstreamError):
        await dispatcher.send_raw_request("x", None)


async def test_notifications_go_out_and_run_only_waits() -> None:
    dispatcher, wire = dispatching("")
    await dispatcher.notify("notifications/initialized", None)
    assert json.loads(wire.sent[0].body) == {"jsonrpc": "2.0", "method": "notifications/initialized"}
    with anyio.move_on_after(0.01) as scope:
        await dispatcher.run(None, None)  # type: ignore[arg-type]
    assert scope.cancelled_caught
