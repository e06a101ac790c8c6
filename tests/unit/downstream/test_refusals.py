"""What ends a request before it is an MCP message: one plain body for every cause of one status."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from app.downstream.faults import NOT_FOUND
from app.downstream.refusals import HANDLERS, Refused
from app.protocol.faults import Fault, Kind

REQUEST: Any = SimpleNamespace(method="GET", scope={"path": "/x"})


def answered(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    kind = next(kind for kind in type(error).__mro__ if kind in HANDLERS)
    response = HANDLERS[kind](REQUEST, error)
    assert response.media_type == "application/json"
    return response.status_code, json.loads(response.content), dict(response.headers)


def test_a_refusal_is_told_with_its_status_and_a_401_with_its_scheme() -> None:
    status, body, headers = answered(Refused(Fault(Kind.UNAUTHENTICATED, "Send a key.")))
    assert (status, body) == (401, {"error": "invalid_token", "error_description": "Send a key."})
    assert headers["www-authenticate"] == "Bearer"
    status, body, headers = answered(Refused(Fault(Kind.FORBIDDEN_HOST, "no")))
    assert (status, body["error"], headers) == (403, "forbidden_host", {})


def test_whatever_is_not_there_is_one_404() -> None:
    assert answered(NotFoundException("with a detail"))[:2] == (404, json.loads(NOT_FOUND))


def test_a_wrong_method_is_told_the_right_ones() -> None:
    status, body, headers = answered(MethodNotAllowedException(headers={"allow": "OPTIONS, GET"}))
    assert (status, headers["allow"]) == (405, "GET, OPTIONS")
    assert body == {"error": "method_not_allowed", "error_description": "Allowed here: GET, OPTIONS"}


def test_litestars_own_words_stay_inside() -> None:
    status, body, _ = answered(HTTPException("internal detail", status_code=400))
    assert (status, body) == (400, {"error": "bad_request", "error_description": "The request cannot be served."})


def test_what_nothing_expected_is_a_500_that_says_nothing_and_a_line_that_says_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "app.downstream")
    status, body, _ = answered(LookupError("/a/path"))
    assert (status, body["error"]) == (500, "internal")
    assert "path" not in str(body)
    assert caplog.records[0].exc_info
