"""Content types, codings, `Accept` and sizes (RELIABILITY.md B18 to B20, B38, B39)."""

import asyncio

import pytest

from tests.integration.bad_input.cast import (
    MAX_BODY,
    MakeCaller,
    call,
    headers_but,
    plain_refusal,
    refusal,
    still_works,
)
from tests.support.wire import BOTH, Caller


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/jsonx",
        "application/json-rpc",
        "text/json",
        "application/json, text/plain",
        "*/*",
    ],
)
async def test_another_content_type_is_unsupported(client: MakeCaller, era: str, content_type: str | None) -> None:
    caller = client(era)
    answer = await caller.post(call(caller).encode(), headers_but(caller, content_type=content_type))
    plain_refusal(answer, 415)
    await still_works(caller)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
async def test_json_is_json_however_it_is_spelt(client: MakeCaller, era: str, content_type: str) -> None:
    caller = client(era)
    answer = await caller.post(call(caller).encode(), headers_but(caller, content_type=content_type))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_never_inflated(client: MakeCaller, era: str, coding: str) -> None:
    caller = client(era)
    answer = await caller.post(b"\x1f\x8b" + bytes(100), [*headers_but(caller), ("Content-Encoding", coding)])
    plain_refusal(answer, 415)
    await still_works(caller)


@pytest.mark.parametrize(
    ("accept", "stream"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("application/*", False),
        ("application/json;q=0.1", False),
        ("text/html, */*;q=0.1", False),
        (BOTH, False),
        ("text/event-stream, application/json", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("text/event-stream;q=0.5, application/json", False),
        ("text/event-stream", True),
        ("application/json;q=0, text/event-stream", True),
        ("text/event-stream;q=0, application/json", False),
    ],
)
async def test_accept_is_read_liberally(client: MakeCaller, era: str, accept: str | None, stream: bool) -> None:
    caller = client(era)
    answer = await caller.post(call(caller).encode(), headers_but(caller, accept=accept))
    assert answer.status == 200, answer.body
    assert answer.is_stream == stream


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "image/*", "*/*;q=0", "application/xml, text/plain"]
)
async def test_when_neither_type_is_acceptable_nothing_is(client: MakeCaller, era: str, accept: str) -> None:
    caller = client(era)
    answer = await caller.post(call(caller).encode(), headers_but(caller, accept=accept))
    plain_refusal(answer, 406)
    await still_works(caller)


def sized(caller: Caller, size: int) -> bytes:
    raw = call(caller, '{"in":"PAD"}')
    return raw.replace("PAD", "x" * (size - len(raw) + 3)).encode()


async def test_a_body_of_exactly_the_limit_is_read(client: MakeCaller, era: str) -> None:
    caller = client(era, patience=15.0)
    answer = await caller.post(sized(caller, MAX_BODY), caller.headers("tools/call", {"name": "bench__whoami"}))
    assert answer.status == 200, answer.body[:300]


async def test_a_body_one_byte_over_the_limit_is_too_large(client: MakeCaller, era: str) -> None:
    caller = client(era, patience=15.0)
    answer = await caller.post(sized(caller, MAX_BODY + 1), caller.headers("tools/call", {"name": "bench__whoami"}))
    assert answer.status == 413
    answer.json()
    await still_works(caller)


async def test_a_body_over_the_limit_in_pieces_is_too_large(client: MakeCaller, era: str) -> None:
    caller = client(era, patience=15.0)
    body = sized(caller, MAX_BODY + 1)
    head = ["POST /mcp HTTP/1.1", f"Host: {caller.host}:{caller.port}", "Transfer-Encoding: chunked"]
    head += [f"{name}: {value}" for name, value in caller.headers("tools/call", {"name": "bench__whoami"})]
    async with await caller.wire() as wire:
        await wire.send(("\r\n".join(head) + "\r\n\r\n").encode())
        try:
            for start in range(0, len(body), 65536):
                piece = body[start : start + 65536]
                await wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await wire.send(b"0\r\n\r\n")
        except ConnectionError:
            pass  # refused before all of it was sent
        answer = await wire.head()
    assert answer.status == 413
    await still_works(caller)


async def test_a_body_announced_too_large_is_refused_before_it_is_sent(client: MakeCaller) -> None:
    caller = client()
    head = ["POST /mcp HTTP/1.1", f"Host: {caller.host}:{caller.port}", "Content-Length: 99999999999"]
    head += [f"{name}: {value}" for name, value in caller.headers()]
    for expect in ([], ["Expect: 100-continue"]):
        async with await caller.wire() as wire:
            await wire.send(("\r\n".join(head + expect) + "\r\n\r\n").encode())
            answer = await wire.head()
        assert answer.status == 413
    await still_works(caller)


@pytest.mark.parametrize("path", ["/mcp", "/nowhere"])
async def test_a_strangers_large_body_is_refused_too(client: MakeCaller, path: str) -> None:
    caller = client(key=None)
    answer = await caller.post(b"x" * 200_000, path=path)
    assert answer.status == (401 if path == "/mcp" else 404)


async def test_a_connection_survives_a_refusal(client: MakeCaller, era: str) -> None:
    caller = client(era)
    async with await caller.wire() as wire:
        for raw in (b"{", b"[]", b"\xff", b"null"):
            refusal(await wire.request("POST", "/mcp", caller.headers("ping"), raw), 400, -32700, -32600)
            assert (await caller.call("bench__whoami", wire=wire)).text.startswith("bench ")


async def test_good_requests_are_answered_while_bad_ones_rain(client: MakeCaller) -> None:
    caller = client(patience=15.0)

    async def bad(number: int) -> None:
        body = (b"{", b"\xff\xfe", b"[" * 50_000, b"null", call(caller).encode() + b"x")[number % 5]
        assert (await caller.post(body)).status == 400

    async def good(number: int) -> None:
        assert (await client("modern").call("bench__sized", {"size": 100, "label": str(number)})).text.startswith(
            str(number)
        )

    async with asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(bad(number))
            group.create_task(good(number))
