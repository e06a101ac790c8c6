"""One Streamable HTTP session against a server that misbehaves on request (RELIABILITY.md F41 to F49, B64)."""

import asyncio
from collections.abc import Iterator

import anyio
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.upstream.errors import HttpRefusal, SessionLost, UpstreamError
from app.upstream.streamable_http import StreamableHttpTransport
from tests.support.http_wires import Wire, remote, seen, wayward_http, wired


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


LEGACY = pytest.mark.parametrize("path", ["/json", "/sse"])
EVERY = pytest.mark.parametrize(
    ("path", "era"),
    [("/json", Era.LEGACY), ("/sse", Era.LEGACY), ("/modern", Era.MODERN), ("/events", Era.MODERN)],
)


@EVERY
async def test_calls_are_answered_each_by_its_own_answer(origin: str, path: str, era: Era) -> None:
    async with wired(remote(origin + path), era) as wire:
        calls = [wire.call("echo", n=n) for n in range(20)]
        assert [await wire.text(call) for call in calls] == [f'{{"n": {n}}}' for n in range(20)]


@EVERY
@pytest.mark.parametrize("quirk", ["cut", "broken_chunk", "empty", "html", "half", "huge", "stranger", "lost"])
async def test_a_spoilt_answer_fails_its_own_call_and_no_other(origin: str, path: str, era: Era, quirk: str) -> None:
    async with wired(remote(origin + path), era) as wire:
        before, spoilt, after = wire.call("stall"), wire.call(quirk), wire.call("echo")
        fault = await wire.fault(spoilt)
        assert fault.kind in {Kind.CLOSED, Kind.PROTOCOL}
        assert fault.server == "far"
        assert "stranger" not in fault.message
        assert await wire.text(after) == "{}"
        assert before not in wire.failures
        assert wire.over is None


@pytest.mark.requirement("http.both")
@EVERY
@pytest.mark.parametrize(
    ("quirk", "told"),
    [("pretty", "pretty"), ("linger", "lingering"), ("batch", "from a batch"), ("big", "x" * 4_000_000)],
)
async def test_unusual_but_whole_answers_are_taken(origin: str, path: str, era: Era, quirk: str, told: str) -> None:
    async with wired(remote(origin + path), era) as wire:
        assert await wire.text(wire.call(quirk, size=4_000_000)) == told


@EVERY
async def test_an_error_that_lacks_its_id_answers_the_request_it_came_for(origin: str, path: str, era: Era) -> None:
    async with wired(remote(origin + path), era) as wire:
        assert (await wire.answer(wire.call("idless")))["error"] == {"code": -32602, "message": "no"}
        assert (await wire.answer(wire.call("fail")))["error"]["message"] == "broken inside"


@EVERY
async def test_progress_arrives_while_the_call_still_runs(origin: str, path: str, era: Era) -> None:
    async with wired(remote(origin + path), era) as wire:
        call = wire.call("progress", token=True)
        await wire.until(lambda: len([m for m in wire.messages if m.get("method") == "notifications/progress"]) == 2)
        # The server goes on only when it is asked something else.
        await wire.text(wire.call("echo"))
        assert await wire.text(call) == "done"


@EVERY
async def test_abandoning_a_request_closes_its_connection_and_reports_nothing(origin: str, path: str, era: Era) -> None:
    async with wired(remote(origin + path), era) as wire:
        call = wire.call("stall")
        await until_seen(origin, '"stall"')
        closed = (await seen(origin))["closed"]
        wire.transport.abandon(call)
        with anyio.fail_after(30):
            while (await seen(origin))["closed"] == closed:
                pass
        assert await wire.text(wire.call("echo")) == "{}"
        assert not wire.failures
        assert wire.transport.cancels_by_closing is (era is Era.MODERN)


@LEGACY
async def test_the_session_and_the_agreed_revision_are_named_on_everything_after_initialize(
    origin: str, path: str
) -> None:
    spec = remote(origin + path, headers={"Authorization": "Bearer ours", "Mcp-Session-Id": "forged", "X-Own": "é"})
    async with wired(spec) as wire:
        await wire.text(wire.call("echo", mark="named"))
    asked = (await seen(origin))["seen"]
    sessions = [request for request in asked if request["headers"].get("authorization") == "Bearer ours"]
    first, *later = [request for request in sessions if request["path"] == path]
    assert "mcp-session-id" not in first["headers"]
    assert first["headers"]["accept"] == "application/json, text/event-stream"
    assert {request["method"] for request in later} == {"POST", "GET", "DELETE"}
    assert len({request["headers"]["mcp-session-id"] for request in later}) == 1
    assert {request["headers"]["mcp-protocol-version"] for request in later} == {"2025-11-25"}
    assert "cookie" not in str(sessions)


@LEGACY
async def test_nothing_overtakes_the_end_of_the_handshake(origin: str, path: str) -> None:
    async with wired(remote(origin + path, headers={"X-Test": "order"})) as wire:
        for call in [wire.call("echo") for _ in range(5)]:
            await wire.text(call)
    mine = [request for request in (await seen(origin))["seen"] if request["headers"].get("x-test") == "order"]
    posts = [request["body"] for request in mine if request["method"] == "POST" and request["path"] == path]
    assert "notifications/initialized" in posts[1]


@pytest.mark.parametrize("path", ["/json", "/json400", "/sse"])
async def test_a_forgotten_session_is_over_for_all_its_requests(origin: str, path: str) -> None:
    async with wired(remote(origin + path)) as wire:
        await wire.text(wire.call("forget"))
        fault = await wire.fault(wire.call("echo"))
        assert fault.kind is Kind.CLOSED
        assert fault.unsent
        assert isinstance(wire.over, SessionLost)
        assert wire.over.message == fault.message
        assert (await wire.fault(wire.call("echo"))).kind is Kind.CLOSED


async def test_a_stream_that_was_let_go_is_resumed_where_it_ended(origin: str) -> None:
    async with wired(remote(f"{origin}/json")) as wire:
        assert await wire.text(wire.call("resume")) == "resumed"


async def test_a_call_whose_server_is_gone_when_its_stream_is_resumed_was_sent_and_may_not_be_sent_again() -> None:
    begun: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        if b'"initialize"' in body:
            told = b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}'
            answer = b"200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told)
        elif b'"tools/call"' in body:
            begun.append(body)
            server.close()
            answer = b"200 OK\r\ncontent-type: text/event-stream\r\n\r\nid: 1\nretry: 10\ndata: \n\n"
        else:
            answer = b"202 Accepted\r\ncontent-length: 0\r\n\r\n"
        writer.write(b"HTTP/1.1 " + answer.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with wired(remote(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp")) as wire:
        fault = await wire.fault(wire.call("act"))
    assert len(begun) == 1
    assert (fault.kind, fault.unsent) == (Kind.CLOSED, False)


async def test_what_the_server_says_unasked_arrives_also_after_its_stream_broke(origin: str) -> None:
    async with wired(remote(f"{origin}/sse")) as wire:
        await streams(origin, 1)
        await wire.text(wire.call("change"))
        await wire.until(lambda: changes(wire.messages) == 1)
        await wire.text(wire.call("hangup"))
        # What the server may have said meanwhile is taken as said, once its stream is back.
        await wire.until(lambda: changes(wire.messages) == 2)
        await streams(origin, 1)
        await wire.text(wire.call("change"))
        await wire.until(lambda: changes(wire.messages) == 3)
    await streams(origin, 0)


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        ("401", Kind.UNREACHABLE, "refused the gateway's credentials (HTTP 401)"),
        ("403", Kind.UNREACHABLE, "refused the gateway's credentials (HTTP 403)"),
        ("404", Kind.PROTOCOL, "answered HTTP 404"),
        ("405", Kind.PROTOCOL, "answered HTTP 405"),
        ("429?retry-after=7", Kind.BUSY, "asks for fewer requests"),
        ("500", Kind.UNREACHABLE, "is failing (HTTP 500)"),
        ("503?retry-after=99999", Kind.UNREACHABLE, "is failing (HTTP 503)"),
    ],
)
async def test_a_refusal_says_its_status_and_when_to_come_back(origin: str, status: str, kind: Kind, told: str) -> None:
    async with wired(remote(f"{origin}/status/{status}"), Era.MODERN) as wire:
        fault = await wire.fault(wire.call("echo"))
        assert isinstance(fault, HttpRefusal)
        assert (fault.kind, fault.status) == (kind, int(status[:3]))
        assert told in fault.message
        assert fault.retry_after == {"429?retry-after=7": 7.0, "503?retry-after=99999": 300.0}.get(status)


async def test_a_redirect_is_not_followed_and_credentials_stay(origin: str) -> None:
    spec = remote(f"{origin}/redirect", headers={"Authorization": "Bearer ours"})
    async with wired(spec, Era.MODERN) as wire:
        fault = await wire.fault(wire.call("echo"))
    assert "redirects elsewhere (HTTP 307), which is not followed" in fault.message
    assert "/trap" not in [request["path"] for request in (await seen(origin))["seen"]]


async def test_a_modern_request_carries_its_routing_headers_and_no_session(origin: str) -> None:
    async with wired(remote(f"{origin}/modern", headers={"X-Test": "routed"}), Era.MODERN) as wire:
        await wire.text(wire.call("echo"))
    asked = [request for request in (await seen(origin))["seen"] if request["headers"].get("x-test") == "routed"]
    assert [request["method"] for request in asked] == ["POST"]
    headers = asked[0]["headers"]
    assert (headers["mcp-method"], headers["mcp-name"]) == ("tools/call", "echo")
    assert headers["mcp-protocol-version"] == "2026-07-28"
    assert "mcp-session-id" not in headers


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("nonsense", {}),
        ("http://[::1", {}),
        ("http://127.0.0.1:1/", {"X": "a\nb"}),
        ("http://127.0.0.1:1/", {"X Y": "a"}),
    ],
)
async def test_what_no_request_can_carry_is_refused_before_anything_is_sent(url: str, headers: dict[str, str]) -> None:
    async with anyio.create_task_group() as tasks:
        transport = StreamableHttpTransport(remote(url, headers=headers), Era.MODERN, tasks.start_soon)
        with pytest.raises(UpstreamError) as refused:
            await transport.open(Wire(transport))
        await transport.close()
    assert refused.value.fault == Fault(
        Kind.UNREACHABLE, "Server 'far' has a `url` or a header that cannot be sent.", server="far"
    )


async def test_a_call_to_nobody_says_that_nobody_listens() -> None:
    async with wired(remote("http://127.0.0.1:1/mcp"), Era.MODERN) as wire:
        fault = await wire.fault(wire.call("echo"))
        assert fault.kind is Kind.UNREACHABLE
        assert "refuses connections" in fault.message


async def test_closing_twice_or_before_opening_is_nothing_special(origin: str) -> None:
    async with anyio.create_task_group() as tasks:
        await StreamableHttpTransport(remote(origin), Era.MODERN, tasks.start_soon).close()
    async with wired(remote(f"{origin}/json")) as wire:
        await wire.transport.close()
        await wire.transport.close()
        assert (await wire.fault(wire.call("echo"))).kind is Kind.CLOSED


# What the server says, and what its own stream says when it is open again.
CHANGED = ("notifications/tools/list_changed", "notifications/subscriptions/acknowledged")


def changes(messages: list[dict[str, object]]) -> int:
    return len([m for m in messages if m.get("method") in CHANGED])


async def streams(origin: str, count: int) -> None:
    with anyio.fail_after(30):
        while (await seen(origin))["streams"] != count:
            pass


async def until_seen(origin: str, words: str) -> None:
    with anyio.fail_after(30):
        while not any(words in request["body"] for request in (await seen(origin))["seen"][-3:]):
            pass
