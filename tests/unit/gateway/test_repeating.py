import msgspec
import pytest

from app.gateway.repeating import UNKNOWN, explained, harmless, may_repeat, overdue
from app.protocol.faults import Fault, Kind
from app.relay.catalog import Item, ServerCatalog
from app.relay.events import Request
from app.upstream.errors import HttpRefusal, ProcessEnded

CALL = Request("tools/call", {"name": msgspec.Raw(b'"x"')}, {})
CLOSED = ProcessEnded(Kind.CLOSED, "It exited.", code=3)
UNSENT = Fault(Kind.UNREACHABLE, "It is away.", unsent=True)


def catalog(annotations: bytes) -> ServerCatalog:
    return ServerCatalog((Item("x", {"annotations": msgspec.Raw(annotations)}), Item("y", {})))


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        (b'{"readOnlyHint": true}', True),
        (b'{"idempotentHint": true, "vendor": [1]}', True),
        (b'{"readOnlyHint": false}', False),
        (b'{"destructiveHint": false}', False),
        (b'{"readOnlyHint": "true"}', False),
        (b"null", False),
        (b"[" * 100_000, False),
    ],
)
def test_a_tool_is_harmless_if_it_says_so(annotations: bytes, expected: bool) -> None:
    assert harmless(CALL, catalog(annotations)) is expected


def test_reading_is_harmless_and_an_unlisted_or_silent_tool_is_not() -> None:
    assert harmless(Request("resources/read", {}, {}), None)
    assert not harmless(CALL, None)
    assert not harmless(Request("tools/call", {"name": msgspec.Raw(b'"y"')}, {}), catalog(b"{}"))
    assert not harmless(Request("tools/call", {}, {}), catalog(b"{}"))


@pytest.mark.parametrize(
    ("fault", "harmful", "harmless_too"),
    [
        (UNSENT, True, True),
        (CLOSED, False, True),
        (Fault(Kind.TIMEOUT, "late"), False, False),
        (Fault(Kind.PROTOCOL, "nonsense"), False, False),
        (HttpRefusal(Kind.UNREACHABLE, "no", status=401), False, False),
        (HttpRefusal(Kind.UNREACHABLE, "failing", status=503, retry_after=1.0), False, True),
        (HttpRefusal(Kind.BUSY, "slow down", status=429, retry_after=60.0), False, False),
    ],
)
def test_what_may_be_sent_again(fault: Fault, harmful: bool, harmless_too: bool) -> None:
    assert may_repeat(fault, is_harmless=False) is harmful
    assert may_repeat(fault, is_harmless=True) is harmless_too


def test_an_unknown_outcome_is_said_and_nothing_else_is() -> None:
    told = explained(CLOSED, is_harmless=False)
    assert (told.message, told.kind) == (f"It exited. {UNKNOWN}", Kind.CLOSED)
    assert UNKNOWN in explained(HttpRefusal(Kind.UNREACHABLE, "x", status=504), is_harmless=False).message
    for fault in (UNSENT, Fault(Kind.TIMEOUT, "late"), HttpRefusal(Kind.UNREACHABLE, "x", status=401)):
        assert explained(fault, is_harmless=False) is fault
    assert explained(CLOSED, is_harmless=True) is CLOSED


def test_a_call_whose_time_is_over_says_what_it_waited_for() -> None:
    said = [
        overdue("a", leased=leased, asked=asked).message
        for leased, asked in ((False, False), (True, False), (True, True))
    ]
    assert [text.partition(" in time")[0] for text in said] == [
        "Server a did not come up", "Server a gave no answer", "A question of server a was not answered",
    ]  # fmt: skip
