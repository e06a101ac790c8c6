"""What can happen to an exchange: values, and each of them means something to it."""

from typing import get_args

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.relay import events
from app.relay.exchange import TRANSITIONS


def test_every_event_is_one_that_the_exchange_knows() -> None:
    assert {kind for _, kind, _ in TRANSITIONS} == set(get_args(events.Event))


def test_what_a_server_delivers_are_events() -> None:
    assert set(get_args(events.UpstreamEvent)) < set(get_args(events.Event))


def test_an_event_is_a_value() -> None:
    fault = Fault(Kind.TIMEOUT, "late")
    assert events.Expired(fault) == events.Expired(fault)
    with pytest.raises(AttributeError):
        events.Expired(fault).fault = Fault(Kind.CLOSED, "other")


def test_a_request_without_a_token_wants_no_progress() -> None:
    assert events.Request("tools/call", {"name": msgspec.Raw(b'"x"')}, {}).token == b""
