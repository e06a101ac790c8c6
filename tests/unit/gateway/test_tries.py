"""How often a call is tried: once more, and never where its client was told something by now."""

from app.gateway import repeating
from app.gateway.tries import Tries
from app.protocol.faults import Fault, Kind
from app.relay.events import Failed, Lost

UNSENT = Fault(Kind.UNREACHABLE, "It is away.", unsent=True)
CLOSED = Fault(Kind.CLOSED, "It exited.")


def test_a_lost_call_is_sent_once_more_and_then_waits_for_its_server() -> None:
    tries = Tries()
    assert (tries.left, tries.patience) == (False, 0.0)
    assert tries.repeated("a", CLOSED, is_harmless=True) == Lost()
    assert (tries.left, tries.patience) == (True, repeating.PATIENCE)
    assert tries.repeated("a", UNSENT, is_harmless=True) == Failed(UNSENT)
    assert tries.left is False


def test_what_its_client_was_told_of_is_not_tried_again() -> None:
    tries = Tries()
    tries.streamed = True
    assert tries.repeated("a", UNSENT, is_harmless=True) == Failed(UNSENT)
    assert tries.patience == 0.0


def test_what_may_have_been_done_is_not_done_twice() -> None:
    tried = Tries().repeated("a", CLOSED, is_harmless=False)
    assert isinstance(tried, Failed)
    assert repeating.UNKNOWN in tried.fault.message
