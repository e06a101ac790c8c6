import msgspec
import pytest
from mcp.shared import inbound

from app.protocol.headers import (
    NAMED_BY,
    check_routing,
    decode_value,
    duplicated,
    encode_value,
    routing_headers,
)

VALUES = [
    *["", "plain", "two words", " edge", "edge ", "tab\t", "\u00e9t\u00e9", "\u65e5\u672c", "line\nbreak", "\x7f"],
    *["=?base64?eA==?=", "=?base64??=", "=?BASE64?eA==?=", "=?base64?eA==", "file:///a b?c=%20", "~!@#$%^&*()"],
]
ENCODED = [*VALUES, "=?base64?eA?=", "=?base64?eB==?=", "=?base64?!!?=", "=?base64?/w==?=", "=?base64?w6k=?="]


def raw(**members: object) -> dict[str, msgspec.Raw]:
    return {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in members.items()}


@pytest.mark.requirement("http.encoded")
@pytest.mark.parametrize("value", VALUES)
def test_values_are_encoded_as_the_sdk_encodes_them_and_come_back(value: str) -> None:
    assert encode_value(value) == inbound.encode_header_value(value)
    assert decode_value(encode_value(value)) == value


@pytest.mark.requirement("http.decoded")
@pytest.mark.parametrize("value", ENCODED)
def test_values_are_decoded_as_the_sdk_decodes_them(value: str) -> None:
    assert decode_value(value) == inbound.decode_header_value(value)


def test_a_sentinel_with_what_is_in_no_base64_alphabet_is_unreadable() -> None:
    assert decode_value("=?base64?\u00e9?=") is None


def test_half_a_surrogate_pair_is_carried_as_a_replacement() -> None:
    assert decode_value(encode_value("a\ud800b")) == "a\ufffdb"


def test_every_method_the_sdk_routes_by_name_is_routed_by_the_same_member() -> None:
    assert dict(inbound.NAME_BEARING_METHODS).items() <= NAMED_BY.items()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"mcp-name", b"a"), (b"mcp-method", b"x")],
        [(b"mcp-name", b"a"), (b"Mcp-Name", b"a")],
        [(b"mcp-method", b"a"), (b"x", b"1"), (b"MCP-METHOD", b"b")],
        [(b"mcp-protocol-version", b"a"), (b"mcp-protocol-version", b"a")],
        [(b"accept", b"a"), (b"accept", b"b")],
    ],
)
def test_a_repeated_routing_header_is_found_where_the_sdk_finds_it(headers: list[tuple[bytes, bytes]]) -> None:
    theirs = inbound.find_duplicated_routing_header([(name.decode(), value.decode()) for name, value in headers])
    ours = duplicated(headers)
    assert (ours.lower() if ours else None) == (theirs.lower() if theirs else None)


def test_headers_mirror_the_method_the_version_and_the_name() -> None:
    assert routing_headers("tools/call", raw(name="r\u00e9ad"), "2026-07-28") == {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "=?base64?csOpYWQ=?=",
    }
    assert "Mcp-Name" not in routing_headers("tools/list", {}, "2026-07-28")
    assert "Mcp-Name" not in routing_headers("resources/read", raw(uri=5), "2026-07-28")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", raw(name="a")),
        ("tools/call", raw(name="\u00e9")),
        ("resources/read", raw(uri="file:///x")),
        ("tools/list", {}),
    ],
)
def test_our_own_headers_agree_with_their_body(method: str, params: dict[str, msgspec.Raw]) -> None:
    sent = [
        (key.lower().encode(), b" " + value.encode() + b"\t ")
        for key, value in routing_headers(method, params, "2026-07-28").items()
    ]
    assert check_routing(sent, method, params) is None


@pytest.mark.requirement("http.mirror")
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "Mcp-Method is missing."),
        ([(b"mcp-method", b"Tools/call"), (b"mcp-name", b"a")], "Mcp-Method differs from the body's `method`."),
        ([(b"mcp-method", b"tools/call")], "Mcp-Name is missing."),
        ([(b"mcp-method", b"tools/call"), (b"mcp-name", b"A")], "Mcp-Name differs from the body's `name`."),
        (
            [(b"mcp-method", b"tools/call"), (b"mcp-name", b"=?base64?YR==?=")],
            "Mcp-Name holds base64 that cannot be read.",
        ),
        ([(b"mcp-method", b"tools/call")] * 2, "Mcp-Method is given more than once."),
    ],
)
def test_a_contradiction_is_named(headers: list[tuple[bytes, bytes]], reason: str) -> None:
    assert check_routing(headers, "tools/call", raw(name="a")) == reason


def test_a_body_without_a_name_is_left_to_the_check_of_its_params() -> None:
    assert check_routing([(b"mcp-method", b"tools/call")], "tools/call", {}) is None
