"""What a relayed request says of its client."""

import msgspec

from app.gateway.relayed import Relayed
from app.gateway.sessions import Session
from app.protocol.jsonrpc import Message
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.versions import Era

ABLE = msgspec.Raw(b'{"elicitation":{}}')


def relayed(
    era: Era, session: Session | None, *, streams: bool = True, client: str = "ann", said: bytes = b"1"
) -> Relayed:
    message = Message("tools/call", msgspec.Raw(b"1"), {"name": msgspec.Raw(b'"x"'), "arguments": msgspec.Raw(said)})
    meta = {CLIENT_CAPABILITIES: ABLE} if era is Era.MODERN else {}
    return Relayed(client, session, era, message, meta, b"", lambda: None, streams)


def session(name: str) -> Session:
    found = Session(name, "ann", "2025-11-25", 0.0)
    found.capabilities = ABLE
    return found


def test_a_client_can_be_asked_what_it_declared_where_a_question_can_reach_it() -> None:
    assert relayed(Era.MODERN, None).declared == ABLE
    assert relayed(Era.LEGACY, session("s")).declared == ABLE
    assert bytes(relayed(Era.LEGACY, session(""), streams=True).declared) == b"{}", "no session of its own"
    assert bytes(relayed(Era.LEGACY, session("s"), streams=False).declared) == b"{}", "takes no stream"


def test_a_state_is_bound_to_who_asked_and_what_for() -> None:
    mine = relayed(Era.MODERN, None).binding
    assert mine == relayed(Era.MODERN, None, streams=False).binding
    assert mine != relayed(Era.MODERN, None, client="bob").binding
    assert mine != relayed(Era.MODERN, None, said=b"2").binding
