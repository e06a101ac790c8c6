"""The ladder: which era a POST is of, and the first rung it fails."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.classify import Accept, Inbound, classify, classify_batch, classify_message, is_json, read_accept
from app.protocol.faults import Kind
from app.protocol.jsonrpc import Rejection
from app.protocol.methods import Answer
from app.protocol.versions import SUPPORTED_VERSIONS, Era

MODERN = "2026-07-28"
VERSION = "io.modelcontextprotocol/protocolVersion"
META = {
    VERSION: MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
Headers = list[tuple[bytes, bytes]]
JSON: Headers = [(b"content-type", b"application/json"), (b"accept", b"application/json, text/event-stream")]


def body(method: str = "tools/call", meta: object = None, ident: object = 1, **params: object) -> bytes:
    if meta is not None:
        params["_meta"] = meta
    return json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, "params": params}).encode()


def modern(method: str = "tools/call", name: str | None = "echo", version: str = MODERN) -> Headers:
    headers = [*JSON, (b"mcp-protocol-version", version.encode()), (b"mcp-method", method.encode())]
    return headers if name is None else [*headers, (b"mcp-name", name.encode())]


def taken(headers: Headers, data: bytes) -> Inbound:
    found = classify(headers, data)
    assert isinstance(found, Inbound), found
    return found


def refused(headers: Headers, data: bytes) -> Rejection:
    found = classify(headers, data)
    assert isinstance(found, Rejection), found
    return found


def test_a_request_without_a_version_is_legacy_and_assumed_to_be_2025_03_26() -> None:
    found = taken(JSON, body(name="echo"))
    assert (found.era, found.version, found.session) == (Era.LEGACY, "2025-03-26", "")
    assert found.method is not None
    assert found.method.answer is Answer.RELAY


def test_a_legacy_header_names_revision_and_session() -> None:
    headers = [*JSON, (b"mcp-protocol-version", b" 2025-06-18\t"), (b"mcp-session-id", b"w0-abc ")]
    found = taken(headers, body(name="echo"))
    assert (found.era, found.version, found.session) == (Era.LEGACY, "2025-06-18", "w0-abc")


def test_a_modern_request_passes_with_its_envelope_and_token() -> None:
    found = taken(modern(), body(meta={**META, "progressToken": "p", "x": 1}, name="echo"))
    assert (found.era, found.version, found.meta.token) == (Era.MODERN, MODERN, b'"p"')
    assert set(found.meta.members) == {*META, "x"}


def test_trailing_white_space_of_a_header_does_not_count() -> None:
    headers = [(name, value + b" \t") for name, value in modern()]
    assert taken(headers, body(meta=META, name="echo")).era is Era.MODERN


@pytest.mark.parametrize(
    ("headers", "data", "kind"),
    [
        (modern(), body(name="echo"), Kind.INVALID_PARAMS),
        (modern(), body(meta=META | {VERSION: "2025-11-25"}, name="echo"), Kind.HEADER_MISMATCH),
        (modern(), body(meta={VERSION: MODERN}, name="echo"), Kind.INVALID_PARAMS),
        (modern(method="tools/list"), body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        (modern(name="other"), body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        (modern(name=None), body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        (modern(name="=?base64?!!?="), body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        ([*modern(), (b"mcp-protocol-version", MODERN.encode())], body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        ([*modern(), (b"mcp-name", b"echo")], body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        (JSON, body(meta=META, name="echo"), Kind.HEADER_MISMATCH),
        (modern(), b'{"jsonrpc":"2.0","id":1,"result":{}}', Kind.INVALID_REQUEST),
        (modern(), b"[]", Kind.INVALID_REQUEST),
    ],
)  # fmt: skip
def test_a_modern_request_that_is_wrong_is_refused_in_the_modern_manner(
    headers: Headers, data: bytes, kind: Kind
) -> None:
    found = refused(headers, data)
    assert (found.fault.kind, found.era) == (kind, Era.MODERN)


@pytest.mark.parametrize("version", ["1900-01-01", "2026-07-29", "x" * 10_000])
def test_an_unknown_version_is_told_which_there_are(version: str) -> None:
    meta = META | {VERSION: version}
    for data in (body(meta=meta, name="echo"), body(name="echo")):
        found = refused(modern(version=version), data)
        assert found.fault.kind is Kind.UNSUPPORTED_VERSION
        assert found.fault.data is not None
        assert found.fault.data["supported"] == list(SUPPORTED_VERSIONS)
        assert bytes(found.id) == b"1"


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "no/such"]
)
def test_what_this_revision_removed_is_a_method_it_does_not_know(method: str) -> None:
    assert taken(modern(method, None), body(method, META)).method is None


def test_a_modern_notification_passes_to_be_dropped() -> None:
    found = taken(modern("notifications/cancelled", None), b'{"jsonrpc":"2.0","method":"notifications/cancelled"}')
    assert found.method is None
    assert not found.message.is_request


@pytest.mark.parametrize("meta", [[], "x", {"progressToken": {}}, {"progressToken": None}])
def test_a_meta_that_is_wrong_is_refused_in_both_eras(meta: object) -> None:
    assert refused(JSON, body(meta=meta, name="echo")).fault.kind is Kind.INVALID_PARAMS
    assert refused(modern(), body(meta=meta, name="echo")).fault.kind is Kind.INVALID_PARAMS


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        (b"application/json", True),
        (b'Application/JSON; charset="UTF-8"', True),
        (b"application/json; charset=utf-16", False),
        (b"text/plain", False),
        (b"application/x-www-form-urlencoded", False),
        (b"multipart/form-data; boundary=x", False),
        (b"", False),
    ],
)
def test_only_json_in_utf8_is_a_body(content_type: bytes, taken: bool) -> None:
    assert is_json(content_type) is taken
    found = classify([(b"content-type", content_type)], body(name="echo"))
    assert isinstance(found, Inbound) is taken


def test_a_compressed_body_is_never_inflated() -> None:
    assert refused([*JSON, (b"content-encoding", b"gzip")], b"\x1f\x8b").fault.kind is Kind.UNSUPPORTED_MEDIA


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"", Accept(json=True, stream=False)),
        (b"*/*", Accept(json=True, stream=False)),
        (b"application/json", Accept(json=True, stream=False)),
        (b"application/*", Accept(json=True, stream=False)),
        (b"text/event-stream", Accept(json=False, stream=True, prefers_stream=True)),
        (b"text/event-stream, application/json", Accept(json=True, stream=True, prefers_stream=True)),
        (b"text/event-stream;q=0, application/json", Accept(json=True, stream=False)),
        (b"Application/JSON, Text/Event-Stream;q=0.5", Accept(json=True, stream=True)),
        (b"application/json, text/event-stream;q=0", Accept(json=True, stream=False)),
        (b"application/json;q=0.000, text/event-stream", Accept(json=False, stream=True)),
        (b"text/html", Accept(json=False, stream=False)),
        (b"application/json;q=0", Accept(json=False, stream=False)),
        (b"text/*", Accept(json=False, stream=True)),
        (b"application/json;q=0, */*", Accept(json=False, stream=True)),
        (b"*/*, text/event-stream;q=0", Accept(json=True, stream=False)),
    ],
)
def test_accept_says_which_forms_of_answer_there_are(accept: bytes, expected: Accept) -> None:
    assert read_accept(accept) == expected


def test_accept_in_several_lines_is_one_list() -> None:
    headers = [JSON[0], (b"accept", b"application/json"), (b"accept", b"text/event-stream")]
    assert taken(headers, body(name="echo")).accept == Accept(json=True, stream=True)


def test_no_acceptable_form_is_refused() -> None:
    assert refused([JSON[0], (b"accept", b"text/html")], body(name="echo")).fault.kind is Kind.NOT_ACCEPTABLE


header_names = st.sampled_from(
    [
        b"content-type",
        b"accept",
        b"mcp-protocol-version",
        b"mcp-method",
        b"mcp-name",
        b"mcp-session-id",
        b"content-encoding",
        b"x",
    ]
)
header_values = st.binary(max_size=40) | st.sampled_from(
    [b"application/json", MODERN.encode(), b"2025-06-18", b"tools/call"]
)


@given(
    headers=st.lists(st.tuples(header_names, header_values), max_size=8),
    data=st.binary(max_size=120) | st.just(body(meta=META, name="echo")) | st.just(body(name="echo")),
)
def test_classify_never_raises(headers: Headers, data: bytes) -> None:
    assert isinstance(classify([JSON[0], *headers], data), Inbound | Rejection)


def test_the_members_of_a_batch_are_judged_one_by_one_and_initialize_is_none() -> None:
    found = classify_batch(JSON, b"[%b,%b,3]" % (body(), body("initialize")))
    assert isinstance(found, list)
    call, handshake, number = found
    assert isinstance(call, Inbound)
    assert (call.era, call.message.method) == (Era.LEGACY, "tools/call")
    assert isinstance(handshake, Rejection)
    assert (handshake.fault.kind, bytes(handshake.id)) == (Kind.INVALID_REQUEST, b"1")
    assert isinstance(number, Rejection)


def test_a_batch_is_refused_whole_for_its_headers_and_for_what_is_no_json() -> None:
    for headers, data, kind in (
        ([], b"[]", Kind.UNSUPPORTED_MEDIA),
        ([*JSON[:1], (b"accept", b"text/html")], b"[]", Kind.NOT_ACCEPTABLE),
        (JSON, b"[", Kind.PARSE_ERROR),
    ):
        found = classify_batch(headers, data)
        assert isinstance(found, Rejection)
        assert found.fault.kind is kind


def test_a_message_whose_answer_comes_elsewhere_needs_no_accept_and_is_legacy_whatever_its_header_says() -> None:
    headers = [JSON[0], (b"accept", b"text/html"), (b"mcp-protocol-version", b"2025-11-25")]
    found = classify_message(headers, body())
    assert isinstance(found, Inbound)
    assert (found.era, found.accept) == (Era.LEGACY, Accept(json=False, stream=True))
    assert isinstance(classify_message([], body()), Rejection)
    assert isinstance(classify_message(headers, b"[]"), Rejection)
