"""What a request must fulfil before anything of it is read."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.config.settings import Settings
from app.downstream.authenticators import Authenticator, Way
from app.downstream.guards import NO_ROOM, Guards, principal_of
from app.downstream.refusals import Refused
from app.protocol.faults import Kind
from tests.unit.downstream.conftest import ANN, KEYRING, key_of
from tests.unit.downstream.wire import scope


def guards(way: Way = "direct", **settings: Any) -> Guards:
    chosen = Settings(**settings)
    return Guards(chosen, Authenticator(chosen, lambda: KEYRING, lambda _: way))


def connection(*headers: tuple[bytes, bytes], method: str = "POST") -> Any:
    return SimpleNamespace(scope=scope(method, list(headers)))


async def refusal(guard: Any, found: Any) -> Kind | None:
    try:
        await guard(found, None)
    except Refused as refused:
        return refused.fault.kind
    return None


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        (b"https://evil.example", Kind.FORBIDDEN_ORIGIN),
        (b"null", Kind.FORBIDDEN_ORIGIN),
        (b"", Kind.FORBIDDEN_ORIGIN),
        (b"http://localhost:3000", None),
        (b"https://page.example", None),
    ],
)
async def test_a_page_of_another_site_may_not_call(origin: bytes, kind: Kind | None) -> None:
    guard = guards(allowed_origins=("https://page.example", "http://localhost:3000")).requires_own_site
    assert await refusal(guard, connection((b"origin", origin))) is kind


async def test_of_two_origins_both_must_be_allowed() -> None:
    both = connection((b"origin", b"http://localhost"), (b"origin", b"https://evil.example"))
    assert await refusal(guards().requires_own_site, both) is Kind.FORBIDDEN_ORIGIN


async def test_a_request_of_no_page_has_no_origin_and_passes() -> None:
    assert await refusal(guards().requires_own_site, connection()) is None


async def test_host_names_are_checked_where_they_are_named_or_keys_are_off() -> None:
    foreign = connection((b"host", b"rebound.example"))
    assert await refusal(guards().requires_own_site, foreign) is None
    assert await refusal(guards(allowed_hosts=("mcp.example",)).requires_own_site, foreign) is Kind.FORBIDDEN_HOST
    assert await refusal(guards(disable_auth="loopback").requires_own_site, foreign) is Kind.FORBIDDEN_HOST
    assert await refusal(guards("control", allowed_hosts=("mcp.example",)).requires_own_site, foreign) is None
    ours = connection((b"host", b"mcp.example:8080"))
    assert await refusal(guards(allowed_hosts=("mcp.example",)).requires_own_site, ours) is None


async def test_a_key_makes_its_principal_known_to_what_follows() -> None:
    found = connection(key_of(ANN))
    assert await refusal(guards().requires_principal, found) is None
    assert principal_of(found.scope) is ANN


async def test_without_a_known_key_there_is_no_way_on_but_for_a_preflight() -> None:
    assert await refusal(guards().requires_principal, connection()) is Kind.UNAUTHENTICATED
    wrong = connection((b"authorization", b"Bearer wrong"))
    assert await refusal(guards().requires_principal, wrong) is Kind.UNAUTHENTICATED
    assert await refusal(guards().requires_principal, connection(method="OPTIONS")) is None


def admitted(*headers: tuple[bytes, bytes], **settings: Any) -> Any:
    return guards(**settings).admits(connection(*headers).scope)


KNOWN = key_of(ANN)
HOST = (b"host", b"127.0.0.1:8080")


def test_a_plain_request_of_a_known_caller_needs_no_guard() -> None:
    assert admitted(HOST, KNOWN) == ANN


@pytest.mark.parametrize(
    "headers",
    [
        [HOST],
        [KNOWN],
        [HOST, (b"authorization", b"Bearer unknown")],
        [HOST, KNOWN, (b"origin", b"http://localhost")],
        [HOST, KNOWN, KNOWN],
        [HOST, HOST, KNOWN],
        [(b"host", b"a b"), KNOWN],
        [(b"host", b""), KNOWN],
        [(b"host", b"rebound.example"), KNOWN],
    ],
)
def test_whatever_is_not_plain_is_for_the_guards_to_judge(headers: list[tuple[bytes, bytes]]) -> None:
    assert admitted(*headers, allowed_hosts=("127.0.0.1",)) is None


@pytest.mark.parametrize(("way", "kind"), [("direct", Kind.FULL), ("edge", Kind.FULL), ("control", None)])
async def test_where_there_is_no_room_a_known_caller_is_told_so_but_for_our_own_commands(
    way: Way, kind: Kind | None
) -> None:
    full = connection(HOST, KNOWN)
    full.scope[NO_ROOM] = True
    assert guards(way).admits(full.scope) is None
    assert await refusal(guards(way).requires_principal, full) is kind
