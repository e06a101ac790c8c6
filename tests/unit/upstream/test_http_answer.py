import json

import pytest

from app.upstream.http_answer import agreed_version, as_answer, error_in, loses_session


def told(code: int, message: str = "") -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


@pytest.mark.parametrize(
    "text",
    [
        b'{"jsonrpc":"2.0","id":7,"result":{}}',
        b'{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}',
        b'{"result": {}, "jsonrpc": "2.0", "id": 7}',
        b'{"result":{},"id":"7"}',
    ],
)
def test_an_answer_is_known_by_its_id_in_any_order_and_passes_untouched(text: bytes) -> None:
    assert as_answer(text, 7) == (text, True)


@pytest.mark.parametrize(
    "text",
    [
        b'{"jsonrpc":"2.0","id":70,"result":{}}',
        b'{"jsonrpc":"2.0","id":7,"method":"ping"}',
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"id":7}}',
        b'{"id":null,"result":{}}',
        b"[]",
        b"no JSON",
    ],
)
def test_anything_else_is_no_answer_and_passes_untouched(text: bytes) -> None:
    assert as_answer(text, 7) == (text, False)


def test_an_error_without_an_id_is_given_that_of_its_request() -> None:
    answer = b'{"jsonrpc":"2.0","id":7,"error":{"code": -1}}'
    assert as_answer(b'{"jsonrpc":"2.0","id":null,"error":{"code": -1}}', 7) == (answer, True)
    assert as_answer(b'{"error":{"code": -1}}', 7) == (answer, True)


def test_an_error_is_found_only_where_there_is_one() -> None:
    assert error_in(b'{"id":1,"error":{"code":-1}}') == b'{"code":-1}'
    for body in (b"", b"<html>", b'{"error":"words"}', b'{"detail":"x"}', b'{"method":"a","error":{}}'):
        assert error_in(body) is None


@pytest.mark.parametrize(
    ("status", "error", "lost"),
    [
        (404, None, True),
        (404, told(-32600, "Session terminated"), True),
        (404, told(-32601, "Method not found"), False),
        (400, told(-32000, "Bad Request: No valid session ID provided"), True),
        (400, told(-32000, "Bad Request: Server not initialized"), True),
        (400, told(-32000, "something else"), False),
        (400, told(-32602, "session_id is required"), False),
        (400, None, False),
        (500, told(-32000, "session"), False),
        (404, b'{"code":"words"}', True),
    ],
)
def test_a_lost_session_is_a_404_or_what_servers_say_instead(status: int, error: bytes | None, lost: bool) -> None:
    assert loses_session(status, error) is lost


def test_the_agreed_revision_is_read_from_a_result_only() -> None:
    assert agreed_version(b'{"id":1,"result":{"protocolVersion":"2025-06-18"}}') == "2025-06-18"
    for text in (b'{"id":1,"error":{}}', b'{"id":1,"result":{"protocolVersion":5}}', b'{"id":1,"result":{}}', b"x"):
        assert agreed_version(text) == ""
