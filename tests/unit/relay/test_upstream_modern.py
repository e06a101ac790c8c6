import msgspec
import pytest

from app.protocol.versions import Era
from app.relay.events import Finished, NeedsInput, Question, Request, Result
from app.relay.upstream_modern import to_headers, to_outcome, to_params

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


def request(token: bytes = b"", **meta: object) -> Request:
    members = {key.replace("__", PREFIX): msgspec.Raw(msgspec.json.encode(value)) for key, value in meta.items()}
    return Request(
        "tools/call", {"name": msgspec.Raw(b'"read"'), "arguments": msgspec.Raw(b'{"b":1,  "a":2}')}, members, token
    )


@pytest.mark.requirement("meta.sent")
def test_every_request_says_its_version_and_declares_what_it_was_given_and_not_what_is_in_the_meta() -> None:
    params = msgspec.json.decode(
        to_params(request(__protocolVersion="1999", __clientCapabilities={"sampling": {}}), 5, VERSION)
    )
    assert params["_meta"][PREFIX + "protocolVersion"] == VERSION
    assert params["_meta"][PREFIX + "clientCapabilities"] == {}
    able = Request("tools/call", {}, {}, b"", msgspec.Raw(b'{"elicitation":{}}'))
    assert msgspec.json.decode(to_params(able, 5, VERSION))["_meta"][PREFIX + "clientCapabilities"] == {
        "elicitation": {}
    }


def test_the_client_is_named_by_itself_and_else_by_us() -> None:
    given = msgspec.json.decode(to_params(request(__clientInfo={"name": "ide", "version": "9"}), 5, VERSION))
    assert given["_meta"][PREFIX + "clientInfo"] == {"name": "ide", "version": "9"}
    silent = msgspec.json.decode(to_params(request(), 5, VERSION))
    assert silent["_meta"][PREFIX + "clientInfo"]["name"] == "mcp-proxy"


def test_a_progress_token_is_minted_only_where_the_client_wants_progress() -> None:
    assert "progressToken" not in msgspec.json.decode(to_params(request(), 5, VERSION))["_meta"]
    assert msgspec.json.decode(to_params(request(b'"theirs"'), 5, VERSION))["_meta"]["progressToken"] == 5


def test_everything_else_passes_byte_for_byte() -> None:
    body = to_params(request(traceparent="00-1", __logLevel="info"), 5, VERSION)
    assert b'"arguments":{"b":1,  "a":2}' in body
    meta = msgspec.json.decode(body)["_meta"]
    assert (meta["traceparent"], meta[PREFIX + "logLevel"]) == ("00-1", "info")


def test_headers_are_made_from_the_params_that_are_sent() -> None:
    assert to_headers(request(), VERSION)["Mcp-Name"] == "read"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"resultType":"complete","content":[]}',
        b'{"resultType":"complete","note":"input_required"}',
        b'{"content":[{"resultType":"input_required"}]}',
        b'["input_required"]',
    ],
)
def test_a_result_is_no_question_whatever_else_it_says(raw: bytes) -> None:
    assert to_outcome(msgspec.Raw(raw)) == Finished(Result(msgspec.Raw(raw), Era.MODERN))


@pytest.mark.parametrize(
    ("raw", "requests"),
    [
        (b'{"resultType":"input_required","requestState":"x"}', {}),
        (b'{ "resultType" : "input_required" , "inputRequests":{"a":{"method":"x"}}}', {"a": b'{"method":"x"}'}),
        (b'{"resultType":"input_required","inputRequests":7}', {}),
    ],
)
def test_a_result_is_a_question_by_its_own_result_type_alone(raw: bytes, requests: dict[str, bytes]) -> None:
    asked = {key: msgspec.Raw(value) for key, value in requests.items()}
    assert to_outcome(msgspec.Raw(raw)) == NeedsInput(Question(asked, Result(msgspec.Raw(raw), Era.MODERN)))
