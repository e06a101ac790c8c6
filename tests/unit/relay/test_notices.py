"""Notifications on a call's own stream."""

import json

import msgspec
import pytest

from app.relay.events import Noticed
from app.relay.notices import PROGRESS, progress_of, to_notice


@pytest.mark.parametrize("token", [b'"mine"', b"7"])
def test_progress_is_named_by_the_clients_own_token_in_its_own_type(token: bytes) -> None:
    notice = Noticed("notifications/progress", msgspec.Raw(b'{"progressToken":99,"progress":1.5,"x":{"y":1}}'))
    message = json.loads(to_notice(notice, token))
    assert message["params"] == {"progressToken": json.loads(token), "progress": 1.5, "x": {"y": 1}}


def test_any_other_notification_passes_as_it_is() -> None:
    notice = Noticed("notifications/message", msgspec.Raw(b'{ "level":"info" }'))
    assert to_notice(notice, b"1") == b'{"jsonrpc":"2.0","method":"notifications/message","params":{ "level":"info" }}'
    assert json.loads(to_notice(Noticed("a/b", msgspec.Raw()), b"1")) == {"jsonrpc": "2.0", "method": "a/b"}


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        (b'{"progress":1.5,"total":3}', 1.5),
        (b'{"progress":-2}', -2),
        (b'{"progress":"x"}', None),
        (b"{}", None),
        (b"", None),
    ],
)
def test_how_far_a_call_is_is_read_from_its_progress_alone(text: bytes, reached: float | None) -> None:
    assert progress_of(Noticed(PROGRESS, msgspec.Raw(text))) == reached
