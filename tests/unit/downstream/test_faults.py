"""Errors on the wire."""

import json

import msgspec
import pytest

from app.downstream.faults import NOT_FOUND, to_answer, to_object, to_peer_answer
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import PeerError


def peer(code: object, **more: object) -> PeerError:
    return PeerError(msgspec.Raw(msgspec.json.encode({"code": code, "message": "m", **more})))


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("kind", list(Kind))
def test_every_fault_has_a_form_in_every_era(kind: Kind, era: Era) -> None:
    status, body = to_answer(Fault(kind, "text", "srv", 1.5), b"1", era, "r-1")
    assert status >= 200
    found = json.loads(body)
    assert ("error_description" in found) or (found["jsonrpc"], found["id"]) == ("2.0", 1)
    assert "text" in body.decode()


def test_a_fault_of_a_server_says_which_what_and_when_to_try_again() -> None:
    status, body = to_answer(Fault(Kind.UNREACHABLE, "away", "srv", 1.5), b"1", Era.LEGACY, "r-1")
    assert status == 200
    assert json.loads(body)["error"] == {
        "code": -32603, "message": "away", "data": {"server": "srv", "fault": "unreachable", "retryAfter": 1.5}
    }  # fmt: skip


def test_a_fault_of_no_server_says_when_to_try_again() -> None:
    data = json.loads(to_object(Fault(Kind.CLOSED, "The gateway is stopping.", retry_after=2.0), "r-1"))["data"]
    assert data == {"fault": "closed", "retryAfter": 2.0}


def test_a_bug_of_ours_names_the_request_in_the_log() -> None:
    assert json.loads(to_object(Fault(Kind.INTERNAL, "x"), "r-9"))["data"] == {"requestId": "r-9"}


def test_without_a_readable_id_there_is_none() -> None:
    assert "id" not in json.loads(to_answer(Fault(Kind.PARSE_ERROR, "x"), b"", Era.LEGACY, "")[1])


def test_what_names_no_request_is_refused_by_its_status_in_either_era() -> None:
    fault = Fault(Kind.INVALID_PARAMS, "x")
    assert [to_answer(fault, b"", era, "")[0] for era in Era] == [400, 400]
    assert to_answer(fault, b"1", Era.LEGACY, "")[0] == 200


def test_the_401_and_the_404_are_the_contracts_to_the_letter() -> None:
    text = "Missing or unknown API key. Send: Authorization: Bearer <key>"
    assert to_answer(Fault(Kind.UNAUTHENTICATED, text), b"", Era.LEGACY, "") == (
        401,
        b'{"error":"invalid_token","error_description":"' + text.encode() + b'"}',
    )
    assert NOT_FOUND == b'{"error":"not_found","error_description":"Not found"}'


@pytest.mark.parametrize(("code", "status"), [(-32602, 400), (-32601, 404), (-32021, 400), (-32603, 200), (7, 200)])
def test_a_servers_error_passes_with_the_status_its_code_has_for_a_modern_client(code: object, status: int) -> None:
    found, body = to_peer_answer(peer(code, data={"a": 1}), b"1", Era.MODERN, "")
    assert found == status
    assert json.loads(body)["error"] == {"code": code, "message": "m", "data": {"a": 1}}


def test_a_legacy_client_gets_200_for_any_error_of_a_server() -> None:
    assert to_peer_answer(peer(-32601), b"1", Era.LEGACY, "")[0] == 200


@pytest.mark.parametrize("code", [-32020, -32022])
@pytest.mark.parametrize("era", list(Era))
def test_what_a_server_and_the_gateway_must_settle_between_them_is_no_news_for_a_client(code: int, era: Era) -> None:
    status, body = to_peer_answer(peer(code), b"1", era, "")
    assert (status, json.loads(body)["error"]["code"]) == (200, -32603)


def test_a_resource_that_is_not_found_is_written_as_the_modern_revision_has_it() -> None:
    status, body = to_peer_answer(peer(-32002, data={"uri": "f:///x"}), b"1", Era.MODERN, "")
    assert status == 400
    assert json.loads(body)["error"] == {"code": -32602, "message": "Resource not found.", "data": {"uri": "f:///x"}}
