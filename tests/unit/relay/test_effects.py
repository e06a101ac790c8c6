"""What an exchange wants done: values, each of which some transition asks for."""

from typing import get_args

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay import effects, events
from app.relay.exchange import TRANSITIONS, Exchange

FAULT = Fault(Kind.CLOSED, "gone")
EVENTS = [
    events.Called(events.Request("tools/call", {}, {})),
    events.Leased(),
    events.Noticed("notifications/progress", msgspec.Raw(b"{}")),
    events.Finished(events.Result(msgspec.Raw(b"{}"), Era.LEGACY)),
    events.Failed(FAULT),
    events.Disconnected(),
    events.Detached(),
    events.Cancelled(),
    events.Expired(FAULT),
]


def asked_for() -> set[type]:
    found: set[type] = set()
    for state, kind in TRANSITIONS:
        exchange = Exchange()
        exchange.receive(EVENTS[0])
        exchange.state = state
        found |= {type(effect) for event in EVENTS if type(event) is kind for effect in exchange.receive(event)}
    return found


def test_every_effect_is_one_that_some_transition_asks_for() -> None:
    assert asked_for() == set(get_args(effects.Effect))


def test_an_effect_is_a_value() -> None:
    assert effects.Reply(FAULT) == effects.Reply(FAULT)
    with pytest.raises(AttributeError):
        effects.Reply(FAULT).outcome = Fault(Kind.TIMEOUT, "late")
