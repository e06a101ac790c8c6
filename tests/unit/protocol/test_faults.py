"""Every named failure has its row, and its row keeps the spec's codes."""

import pytest
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS

from app.protocol.faults import TABLE, Fault, Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_row(kind: Kind) -> None:
    assert Fault(kind, "x").row is TABLE[kind]


@pytest.mark.parametrize("kind", list(Kind))
def test_no_code_is_one_the_spec_reserves_for_others(kind: Kind) -> None:
    code = TABLE[kind].code
    assert code in {-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022}


@pytest.mark.parametrize(
    "kind",
    [Kind.PARSE_ERROR, Kind.INVALID_PARAMS, Kind.METHOD_NOT_FOUND, Kind.HEADER_MISMATCH, Kind.UNSUPPORTED_VERSION],
)
def test_the_status_for_a_modern_client_is_the_sdks(kind: Kind) -> None:
    assert TABLE[kind].modern == ERROR_CODE_HTTP_STATUS[TABLE[kind].code]


def test_a_legacy_client_sees_404_for_an_unknown_session_alone() -> None:
    assert [kind for kind, row in TABLE.items() if row.legacy == 404] == [Kind.UNKNOWN_SESSION]


@pytest.mark.parametrize(
    "kind", [Kind.UNREACHABLE, Kind.TIMEOUT, Kind.CLOSED, Kind.PROTOCOL, Kind.BUSY, Kind.ERA_MISMATCH]
)
def test_a_fault_of_a_server_is_an_internal_error_in_a_good_http_answer(kind: Kind) -> None:
    row = TABLE[kind]
    assert (row.code, row.modern, row.legacy) == (-32603, 200, 200)
