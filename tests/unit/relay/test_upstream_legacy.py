"""A neutral request as a legacy server gets it."""

import json

import msgspec

from app.relay.events import Request
from app.relay.upstream_legacy import to_params

PARAMS = {"name": msgspec.Raw(b'"echo"'), "arguments": msgspec.Raw(b'{ "a":1.0 }')}


def test_params_pass_and_no_meta_is_made_up() -> None:
    assert to_params(Request("tools/call", PARAMS, {}), 5) == b'{"name":"echo","arguments":{ "a":1.0 }}'


def test_what_the_modern_revision_alone_knows_is_taken_out_of_meta() -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": msgspec.Raw(b'"2026-07-28"'), "com.acme/x": msgspec.Raw(b"1")}
    assert json.loads(to_params(Request("tools/call", PARAMS, meta), 5))["_meta"] == {"com.acme/x": 1}


def test_progress_is_asked_for_under_our_token_when_the_client_wants_it() -> None:
    assert json.loads(to_params(Request("tools/call", PARAMS, {}, b'"theirs"'), 5))["_meta"] == {"progressToken": 5}
