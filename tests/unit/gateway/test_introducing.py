"""How the driver of a call comes to know its client."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from app.config.snapshot import ServerSpec
from app.gateway.driver import Driver
from app.gateway.introducing import answers_in, asker_of, introduce
from app.gateway.parking import MOST, Parking
from app.gateway.relayed import Relayed
from app.gateway.sessions import Session
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import Message
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.versions import Era
from app.relay.asking import Case, SessionClient, StatelessClient
from app.relay.continuation import Continuations, Turn
from app.relay.events import Question, Result
from app.upstream.leases import Asker
from tests.unit.gateway.conftest import PlayedUpstream

ABLE = msgspec.Raw(b'{"elicitation":{},"roots":{"listChanged":true},"extensions":{"x":{}}}')
FORM = msgspec.Raw(b'{"method":"elicitation/create","params":{"message":"?"}}')


def gateway() -> Any:
    seals = Continuations(lambda plain, _: plain.hex(), lambda sealed, _: bytes.fromhex(sealed), lambda: 0.0)
    return SimpleNamespace(parking=Parking(), continuations=seals)


def introduced(house: Any, tasks: asyncio.TaskGroup, era: Era, *, streams: bool = True, **spec: Any) -> Driver:
    session = Session("s1", "ann", "2025-11-25", 0.0)
    session.capabilities = ABLE
    message = Message("tools/call", msgspec.Raw(b"1"), {"name": msgspec.Raw(b'"x"')})
    meta = {CLIENT_CAPABILITIES: ABLE} if era is Era.MODERN else {}
    call = Relayed("ann", session if era is Era.LEGACY else None, era, message, meta, b"", lambda: None, streams)
    driver = Driver(tasks, PlayedUpstream(), era, "", (60.0, 60.0))
    driver.client = "ann"
    found = ServerSpec(**{"name": "a", "label": "a", "kind": "stdio", "prefix": "a", **spec})
    driver.asker = asker_of(call, found)
    introduce(house, call, driver, found)
    return driver


async def test_a_client_borrows_as_its_session_or_as_nobody_in_particular(tasks: asyncio.TaskGroup) -> None:
    legacy = introduced(gateway(), tasks, Era.LEGACY)
    assert legacy.asker == Asker("session s1", b'{"elicitation":{}}')
    assert isinstance(legacy.asking, SessionClient)
    assert legacy.asked is not None
    modern = introduced(gateway(), tasks, Era.MODERN, roots=True)
    assert modern.asker == Asker("client ann", b'{"elicitation":{},"roots":{"listChanged":true}}', alone=True)
    assert isinstance(modern.asking, StatelessClient)
    assert modern.asked is None


async def test_nothing_is_borrowed_where_nobody_can_be_asked(tasks: asyncio.TaskGroup) -> None:
    assert introduced(gateway(), tasks, Era.LEGACY, streams=False).asker is None
    assert introduced(gateway(), tasks, Era.LEGACY, streams=False).asked is None
    for era in Era:
        assert introduced(gateway(), tasks, era, pool="one").asker is None
        verdict = introduced(gateway(), tasks, era, pool="one").asking.judge(Question({"a": FORM}), 0)
        assert verdict.case is Case.DECLINED


async def test_a_state_names_the_call_that_waits_and_the_round_or_the_servers_own(tasks: asyncio.TaskGroup) -> None:
    house = gateway()
    driver = introduced(house, tasks, Era.MODERN)
    for number in (1, 2):
        told = driver.asking.told({"a": FORM}, number)
        assert isinstance(told, Result)
        turn = house.continuations.resume(
            msgspec.json.decode(told.raw, type=dict[str, msgspec.Raw])["requestState"], b""
        )
        assert (turn.server, turn.number) == ("a", number)
        assert house.parking.claim(turn.call, number) is driver
    question = Result(msgspec.Raw(b'{"resultType":"input_required","requestState":"s"}'), Era.MODERN)
    passed = driver.asking.judge(Question({}, question), 0).end
    assert isinstance(passed, Result)
    sealed = msgspec.json.decode(passed.raw, type=dict[str, msgspec.Raw])["requestState"]
    assert house.continuations.resume(sealed, b"") == Turn("a", 1, 600.0, '"s"')


async def test_one_call_more_than_may_wait_is_refused_and_one_that_waits_asks_on(tasks: asyncio.TaskGroup) -> None:
    house = gateway()
    waiting = [introduced(house, tasks, Era.MODERN) for _ in range(MOST)]
    for driver in waiting:
        driver.asking.told({"a": FORM}, 1)
    end = introduced(house, tasks, Era.MODERN).asking.judge(Question({"a": FORM}), 0).end
    assert isinstance(end, Fault)
    assert (end.kind, end.server) == (Kind.BUSY, "a")
    assert waiting[0].asking.judge(Question({"a": FORM}), 0).case is Case.PARKED


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (b'{"a":{"x":1},"b":7,"c":[], "d": {}}', {"a": b'{"x":1}', "d": b"{}"}),
        (b"[]", {}),
        (b"null", {}),
        (b"", {}),
    ],
)
def test_what_is_no_object_is_no_answer(given: bytes, read: dict[str, bytes]) -> None:
    found = answers_in({"inputResponses": msgspec.Raw(given)} if given else {})
    assert found == {key: msgspec.Raw(value) for key, value in read.items()}
