"""Who connects while little is left is told so. (With real descriptors: tests/integration/faults.)"""

import asyncio
import logging
from typing import Any

import pytest

from app.downstream.guards import NO_ROOM
from app.downstream.response import send_json
from app.serve import room
from app.serve.room import Room, spare
from tests.unit.downstream.wire import Wire, scope


@pytest.mark.parametrize(
    ("behind_nginx", "descriptor", "connections", "lacks"),
    [
        (False, 191, 150, False),
        (False, 192, 150, True),
        (True, 100, 72, False),
        (True, 100, 73, True),  # two of nginx's 192 each, and a quarter of them for who is refused
        (True, 192, 10, True),
    ],
)
def test_of_256_descriptors_a_quarter_is_spared(
    behind_nginx: bool, descriptor: int, connections: int, lacks: bool
) -> None:
    assert Room.of(256, behind_nginx=behind_nginx).lacks(descriptor, connections) is lacks


def test_a_want_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Room.of(256, behind_nginx=False)
    with caplog.at_level(logging.WARNING):
        assert full.lacks(255, 1)
        assert full.lacks(254, 1)
        assert len(caplog.records) == 1
        monkeypatch.setattr(room, "AGAIN", 0.0)
        full = Room.of(256, behind_nginx=False)
        assert full.lacks(255, 1)
        assert full.lacks(254, 1)
    assert len(caplog.records) == 3


async def refuse(scope: Any, _: Any, send: Any) -> None:
    assert NO_ROOM in scope
    await send_json(send, 503, b"{}")


async def test_a_spare_connection_is_marked_and_ends_once_the_whole_body_is_there() -> None:
    wire = Wire(b"a", b"b", b"c")
    await spare(refuse)(scope(), wire.receive, wire.send)
    assert (wire.status, wire.headers[b"connection"], wire.ended) == (503, b"close", True)
    wire.hang_up.set()
    assert (await wire.receive())["type"] == "http.disconnect", "nothing of the body was left unread"


async def test_a_body_that_does_not_end_delays_the_answer_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "UNREAD", 0.01)
    wire = Wire()

    async def endless() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    await spare(refuse)(scope(), endless, wire.send)
    assert wire.status == 503
