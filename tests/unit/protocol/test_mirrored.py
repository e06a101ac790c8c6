"""Arguments in headers, with the SDK's own reading of the same rules as the oracle."""

import json
from typing import Any

import pytest
from mcp.shared.inbound import (
    find_invalid_x_mcp_header,
    mcp_param_headers,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from app.protocol.mirrored import Mirrored, Misplaced, check_params, param_headers, read_annotations
from tests.support.upstreams import raw

REGION = {"type": "string", "x-mcp-header": "Region"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": REGION,
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "deep": {"type": "object", "properties": {"er": {"type": "string", "x-mcp-header": "A_b!c"}}},
        "plain": {"type": "string", "default": {"x-mcp-header": "data"}},
    },
}


def annotations(schema: object = SCHEMA) -> tuple[Mirrored, ...]:
    found = read_annotations(raw(schema))
    assert not isinstance(found, Misplaced)
    return found


def with_property(**schema: object) -> dict[str, object]:
    return {"type": "object", "properties": {"p": schema}}


def headers_of(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]


@pytest.mark.requirement("param.tools")
@pytest.mark.parametrize(
    "schema",
    [
        SCHEMA,
        {},
        {"type": "object"},
        with_property(type="string"),
        with_property(**{"type": "string", "x-mcp-header": ""}),
        with_property(**{"type": "string", "x-mcp-header": "a b"}),
        with_property(**{"type": "string", "x-mcp-header": "a\r\nb"}),
        with_property(**{"type": "string", "x-mcp-header": 7}),
        with_property(**{"type": "string", "x-mcp-header": None}),
        with_property(**{"type": "number", "x-mcp-header": "N"}),
        with_property(**{"type": "object", "x-mcp-header": "N"}),
        with_property(**{"type": ["string", "null"], "x-mcp-header": "N"}),
        with_property(**{"x-mcp-header": "N"}),
        with_property(type="array", items=REGION),
        with_property(anyOf=[REGION]),
        with_property(type="object", additionalProperties=REGION),
        {"type": "object", "x-mcp-header": "Root"},
        {"type": "object", "$defs": {"r": REGION}},
        {"type": "object", "patternProperties": {"^a": REGION}},
        {"type": "object", "properties": {"a": REGION, "b": {**REGION, "x-mcp-header": "rEGION"}}},
        {"type": "object", "examples": [REGION], "const": REGION},
        {"type": "object", "if": {"properties": {"p": REGION}}},
    ],
    ids=json.dumps,
)
def test_which_annotations_are_valid_is_what_the_sdk_says_too(schema: dict[str, Any]) -> None:
    found = read_annotations(raw(schema))
    invalid = find_invalid_x_mcp_header(schema)
    assert isinstance(found, Misplaced) is (invalid is not None), (found, invalid)
    if not isinstance(found, Misplaced):
        assert {one.path: one.header for one in found} == x_mcp_header_map(schema)


def test_an_annotation_written_with_escapes_is_one_all_the_same() -> None:
    schema = b'{"type":"object","properties":{"p":{"type":"string","x\\u002dmcp-header":"P"}}}'
    assert annotations(json.loads(schema)) == read_annotations(schema) == (Mirrored(("p",), "P", "string"),)


VALUES: list[dict[str, Any]] = [
    {},
    {"region": "us-west1"},
    {"region": None, "count": 0, "dry": False},
    {"region": "Hello, 世界", "count": -7, "dry": True},
    {"region": " padded ", "count": 2**53 - 1},
    {"region": "line1\nline2"},
    {"region": "=?base64?literal?="},
    {"region": "", "deep": {"er": "x"}},
    {"deep": "no object"},
    {"deep": {"er": None}},
    {"region": {"an": "object"}, "count": [1]},
    {"count": "text where a number should be"},
]


@pytest.mark.requirement("param.sent")
@pytest.mark.parametrize("arguments", VALUES, ids=json.dumps)
def test_what_is_sent_is_what_the_sdk_sends_and_what_the_sdk_accepts(arguments: dict[str, Any]) -> None:
    sent = param_headers(annotations(), raw(arguments))
    assert sent == mcp_param_headers(x_mcp_header_map(SCHEMA), arguments)
    assert validate_mcp_param_headers(SCHEMA, arguments, sent) is None
    assert check_params(annotations(), raw(arguments), headers_of(*sent.items())) is None


@pytest.mark.requirement("param.validated", "param.missing", "param.null", "param.decoded", "param.case")
@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"region": "a"}, []),
        ({"region": "a"}, [("Mcp-Param-Region", "b")]),
        ({"region": "a"}, [("mcp-param-REGION", "a")]),
        ({"region": "a"}, [("Mcp-Param-Region", "  a\t")]),
        ({"region": "a"}, [("Mcp-Param-Region", "=?base64?YQ==?=")]),
        ({"region": "a"}, [("Mcp-Param-Region", "=?base64?YR==?=")]),
        ({"region": "a"}, [("Mcp-Param-Region", "=?base64?!?=")]),
        ({"region": "a"}, [("Mcp-Param-Region", "=?BASE64?YQ==?=")]),
        ({"region": "a"}, [("Mcp-Param-Region", "a"), ("Mcp-Param-Region", "a")]),
        ({"region": None}, [("Mcp-Param-Region", "a")]),
        ({"region": None}, [("Mcp-Param-Region", "")]),
        ({}, [("Mcp-Param-Region", "a")]),
        ({}, [("Mcp-Param-Unknown", "a"), ("Mcp-Param-Unknown", "b")]),
        ({"count": 42}, [("Mcp-Param-Count", "42.0")]),
        ({"count": 42.0}, [("Mcp-Param-Count", "42")]),
        ({"count": 42}, [("Mcp-Param-Count", "42.5")]),
        ({"count": 42}, [("Mcp-Param-Count", "43")]),
        ({"region": "42"}, [("Mcp-Param-Region", "42.0")]),
        ({"dry": True}, [("Mcp-Param-Dry-Run", "true")]),
        ({"dry": True}, [("Mcp-Param-Dry-Run", "True")]),
        ({"dry": False}, [("Mcp-Param-Dry-Run", "0")]),
        ({"deep": {"er": "x"}}, [("Mcp-Param-A_b!c", "x")]),
        ({"deep": {"er": "x"}}, []),
        ({"region": {"no": "scalar"}}, [("Mcp-Param-Region", "x")]),
    ],
    ids=str,
)
def test_what_a_client_mirrors_is_judged_as_the_sdks_server_judges_it(
    arguments: dict[str, Any], sent: list[tuple[str, str]]
) -> None:
    ours = check_params(annotations(), raw(arguments), headers_of(*sent))
    folded = Duplicates((name, value.strip()) for name, value in sent)
    theirs = validate_mcp_param_headers(SCHEMA, arguments, folded)
    assert (ours is None) is (theirs is None), (ours, theirs)
    if ours is not None:
        assert ours.startswith("Mcp-Param-")


@pytest.mark.requirement("param.characters")
def test_a_value_with_characters_that_no_header_carries_is_refused() -> None:
    sent: list[tuple[bytes, bytes]] = [(b"mcp-param-region", "ä".encode())]
    assert "no header may" in str(check_params(annotations(), raw({"region": "ä"}), sent))


class Duplicates(dict[str, str]):
    """A mapping whose items hold a name more than once, as the SDK is given raw header lines."""

    def __init__(self, pairs: Any) -> None:
        self.pairs = list(pairs)
        super().__init__(self.pairs)

    def items(self) -> Any:
        return self.pairs
