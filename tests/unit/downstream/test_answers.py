"""What the gateway answers itself."""

import msgspec
import pytest

from app.downstream import answers
from app.gateway.sessions import SessionTable
from app.protocol.classify import Accept, Inbound
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import Message
from app.protocol.meta import NOTHING
from app.protocol.methods import METHODS
from app.protocol.versions import SUPPORTED_VERSIONS, Era
from app.relay.catalog import Item, ServerCatalog
from app.relay.directory import Directory, Source
from app.relay.policy import Grant
from app.relay.view import View

TOOL = Item("x", {"name": msgspec.Raw(b'"x"')})
CATALOG = ServerCatalog(tools=(TOOL,), capabilities={"tools": msgspec.Raw(b"{}")}, instructions="Use x.")
VIEW = View(Directory([Source("a", "a", None, CATALOG)]), Grant(["*"]))
EMPTY = View(Directory([]), Grant(["*"]))


def inbound(method: str, era: Era = Era.LEGACY, **params: object) -> Inbound:
    sent = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in params.items()}
    accept = Accept(json=True, stream=False)
    return Inbound(era, "", "", Message(method, msgspec.Raw(b"1"), sent), NOTHING, METHODS[method], accept)


def test_the_handshake_tells_revision_capabilities_and_the_servers_instructions() -> None:
    found = msgspec.json.decode(answers.initialize(VIEW, "2025-06-18"))
    assert found["protocolVersion"] == "2025-06-18"
    told = {"listChanged": True}
    assert found["capabilities"] == {"tools": told, "prompts": told, "resources": told}
    assert found["serverInfo"]["name"] == "mcp-proxy"
    assert found["instructions"] == "# a\nUse x."


def test_without_instructions_there_is_no_member_for_them() -> None:
    for raw in (answers.initialize(EMPTY, "2025-06-18"), answers.discover(EMPTY)):
        assert "instructions" not in msgspec.json.decode(raw)


@pytest.mark.requirement("discover.there")
def test_discover_tells_what_its_revision_requires() -> None:
    found = msgspec.json.decode(answers.discover(VIEW))
    assert found["supportedVersions"] == list(SUPPORTED_VERSIONS)
    assert (found["resultType"], found["ttlMs"], found["cacheScope"]) == ("complete", 0, "private")
    assert found["_meta"][answers.SERVER_INFO]["name"] == "mcp-proxy"
    assert found["capabilities"] == {"tools": {"listChanged": True}}


@pytest.mark.parametrize(
    ("asked", "given"),
    [("2024-11-05", "2024-11-05"), ("2025-11-25", "2025-11-25"), ("2026-07-28", "2025-11-25"), ("1", "2025-11-25")],
)
def test_a_client_gets_its_own_legacy_revision_and_else_the_latest(asked: str, given: str) -> None:
    assert answers.requested_version(inbound("initialize", protocolVersion=asked)) == given


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 1}])
def test_a_handshake_without_a_revision_is_told_so(params: dict[str, object]) -> None:
    found = answers.requested_version(inbound("initialize", **params))
    assert isinstance(found, Fault)
    assert found.kind is Kind.INVALID_PARAMS


def listed(method: str, **params: object) -> bytes:
    found = answers.listing(VIEW, inbound(method, **params), METHODS[method])
    assert isinstance(found, tuple)
    return b"".join(found)


def test_a_list_is_one_page_so_any_cursor_is_unknown() -> None:
    method = METHODS["tools/list"]
    assert b'"a__x"' in listed("tools/list")
    found = answers.listing(VIEW, inbound("tools/list", cursor=""), method)
    assert isinstance(found, Fault)
    assert found.kind is Kind.INVALID_PARAMS


def test_a_cursor_of_null_is_none() -> None:
    """Some clients write every member that could be there."""
    assert b'"a__x"' in listed("tools/list", cursor=None)


@pytest.mark.parametrize("name", ["prompts/list", "completion/complete"])
def test_what_nobody_offers_is_no_method_for_a_modern_client_and_one_like_any_other_for_a_legacy_one(name: str) -> None:
    method = METHODS[name]
    assert answers.unoffered(VIEW, inbound(name), method) is None
    found = answers.unoffered(VIEW, inbound(name, Era.MODERN), method)
    assert isinstance(found, Fault)
    assert found.kind is Kind.METHOD_NOT_FOUND


def test_what_somebody_offers_or_hides_is_a_method_for_everybody() -> None:
    for era in Era:
        assert answers.unoffered(VIEW, inbound("tools/call", era), METHODS["tools/call"]) is None
        assert answers.unoffered(VIEW, inbound("ping", era), METHODS["ping"]) is None
        assert answers.unoffered(VIEW, inbound("prompts/get", era), METHODS["prompts/get"]) is None


def test_a_list_nobody_offers_is_empty_for_a_legacy_client() -> None:
    assert listed("prompts/list") == b'{"prompts":[]}'


def test_a_level_is_kept_in_the_session_where_a_server_logs() -> None:
    talkative = ServerCatalog(capabilities={"logging": msgspec.Raw(b"{}")})
    view = View(Directory([Source("a", "a", None, talkative)]), Grant(["*"]))
    session = SessionTable(lambda: 0.0).open("ann", "2025-11-25")
    assert answers.set_level(view, session, inbound("logging/setLevel", level="warning")) == b"{}"
    assert session.log_level == 3
    refused = answers.set_level(view, session, inbound("logging/setLevel", level="loud"))
    assert isinstance(refused, Fault)
    assert refused.kind is Kind.INVALID_PARAMS
    silent = answers.set_level(VIEW, session, inbound("logging/setLevel", level="info"))
    assert isinstance(silent, Fault)
    assert silent.kind is Kind.METHOD_NOT_FOUND
    assert session.log_level == 3
