"""Requests that ask to hear of a resource: where they go, what refuses them, and what a session holds."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.gateway import subscribing as module
from app.gateway.gateway import Gateway
from app.gateway.sessions import Session
from app.gateway.subscribing import DONE, subscribe, unsubscribe, watch_all
from app.protocol.faults import Fault, Kind
from app.relay.events import PeerError
from app.relay.policy import Grant
from tests.support.house import open_house, owned
from tests.support.programs import SERVERS, workbench

ONE = "telling://one"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Gateway]:
    servers = {
        "mute": workbench("mute"),
        "telling": {"command": sys.executable, "args": [str(SERVERS / "telling.py"), "stdio"]},
    }
    async with owned(open_house(tmp_path, servers)) as gateway:
        yield gateway


def params(uri: object) -> dict[str, msgspec.Raw]:
    return {"uri": msgspec.Raw(json.dumps(uri).encode())}


async def test_a_session_subscribes_once_and_gives_back_at_its_end(house: Gateway) -> None:
    session = house.sessions.open("ann", "2025-11-25")
    view = house.current.view(Grant(["*"]))
    assert await subscribe(house, session, view, params(ONE)) == DONE
    assert await subscribe(house, session, view, params(ONE)) == DONE
    assert session.subscribed == {ONE: "telling"}
    assert len(house.watching) == 1
    assert unsubscribe(house, session, params(ONE)) == DONE
    assert len(house.watching) == 0
    assert unsubscribe(house, session, params(ONE)) == DONE
    for _ in range(3):
        assert unsubscribe(house, session, params(ONE)) == DONE
        await subscribe(house, session, view, params(ONE))
    assert len(session.owed) == 1, "what is given back at the end is noted once"
    house.sessions.close("ann", session.id)
    assert len(house.watching) == 0


async def test_what_cannot_be_heard_of_is_refused(house: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    session, nameless = house.sessions.open("ann", "2025-11-25"), house.sessions.implicit("ann", "2025-03-26")
    everything = house.current.view(Grant(["*"]))

    async def kind(session: Session, uri: object, scopes: Any = ("*",)) -> Kind:
        found = await subscribe(house, session, house.current.view(Grant(scopes)), params(uri))
        assert isinstance(found, Fault)
        return found.kind

    assert await kind(session, 7) is Kind.INVALID_PARAMS
    assert await kind(nameless, ONE) is Kind.METHOD_NOT_FOUND
    mute = await subscribe(house, session, everything, params("workbench://mute/one"))
    assert isinstance(mute, PeerError), "who has not said that it tells is asked all the same, and says so itself"
    assert await kind(session, ONE, ["nobody"]) is Kind.HIDDEN
    assert isinstance(unsubscribe(house, session, params(7)), Fault)
    monkeypatch.setattr(module, "MAX_RESOURCES", 1)
    assert await subscribe(house, session, everything, params(ONE)) == DONE
    assert await kind(session, "telling://two") is Kind.INVALID_PARAMS


async def test_a_session_that_ended_while_it_was_asked_for_holds_nothing(house: Gateway) -> None:
    session = house.sessions.open("ann", "2025-11-25")
    session.over = True
    await subscribe(house, session, house.current.view(Grant(["*"])), params(ONE))
    assert len(house.watching) == 0


async def test_of_many_those_are_heard_of_that_a_server_tells_of(house: Gateway) -> None:
    view, session = house.current.view(Grant(["*"])), house.sessions.open("ann", "2025-11-25")
    asked = [ONE, "workbench://mute/one", "telling://two"]
    assert await watch_all(house, view, asked, session) == {ONE: "telling", "telling://two": "telling"}
