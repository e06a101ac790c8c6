import msgspec

from app.relay.events import Request
from app.relay.upstream_modern import to_headers, to_params

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


def request(token: bytes = b"", **meta: object) -> Request:
    members = {key.replace("__", PREFIX): msgspec.Raw(msgspec.json.encode(value)) for key, value in meta.items()}
    return Request(
        "tools/call", {"name": msgspec.Raw(b'"read"'), "arguments": msgspec.Raw(b'{"b":1,  "a":2}')}, members, token
    )


def test_every_request_says_its_version_and_declares_no_capability() -> None:
    params = msgspec.json.decode(
        to_params(request(__protocolVersion="1999", __clientCapabilities={"sampling": {}}), 5, VERSION)
    )
    assert params["_meta"][PREFIX + "protocolVersion"] == VERSION
    assert params["_meta"][PREFIX + "clientCapabilities"] == {}


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
    assert to_headers("tools/call", request().params, VERSION)["Mcp-Name"] == "read"
