"""What a browser is told."""

from app.downstream.cors import preflight_headers, with_cors
from tests.unit.downstream.wire import Wire, scope

ORIGIN = (b"origin", b"https://app.example")


async def inner(scope: object, receive: object, send: object) -> None:
    await send({"type": "http.response.start", "status": 401, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def test_an_allowed_origin_may_read_the_answer_errors_included() -> None:
    wire = Wire()
    await with_cors(inner, lambda origin: origin == "https://app.example")(
        scope(headers=[ORIGIN]), wire.receive, wire.send
    )
    assert wire.headers[b"access-control-allow-origin"] == b"https://app.example"
    assert wire.headers[b"vary"] == b"Origin"
    assert b"Mcp-Session-Id" in wire.headers[b"access-control-expose-headers"]
    assert wire.headers[b"a"] == b"b"


async def test_others_are_told_nothing() -> None:
    for headers in ([], [ORIGIN]):
        wire = Wire()
        await with_cors(inner, lambda _: False)(scope(headers=headers), wire.receive, wire.send)
        assert wire.headers == {b"a": b"b"}


def test_a_preflight_echoes_what_the_page_wants_to_send() -> None:
    wanted = b"authorization, mcp-param-x"
    headers = dict(preflight_headers(scope(headers=[(b"access-control-request-headers", wanted)])))
    assert headers[b"access-control-allow-headers"] == wanted
    assert b"Authorization" in dict(preflight_headers(scope()))[b"access-control-allow-headers"]
    assert b"DELETE" in headers[b"access-control-allow-methods"]
