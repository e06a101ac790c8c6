"""What an exchange wants done: values, each of which some transition asks for."""

from typing import get_args

import pytest

from app.protocol.faults import Fault, Kind
from app.relay import effects
from app.relay.exchange import TRANSITIONS
from tests.support.table import take

FAULT = Fault(Kind.CLOSED, "gone")


def test_every_effect_is_one_that_some_transition_asks_for() -> None:
    asked_for = {name for row in TRANSITIONS for name in take(row)[1]}
    assert asked_for == {effect.__name__ for effect in get_args(effects.Effect)}


def test_an_effect_is_a_value() -> None:
    assert effects.Reply(FAULT) == effects.Reply(FAULT)
    with pytest.raises(AttributeError):
        effects.Reply(FAULT).outcome = Fault(Kind.TIMEOUT, "late")
