"""Calls that wait for clients that are away, with a played server at the other end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from app.gateway import driver as drivers
from app.gateway import parking as module
from app.gateway.driver import INTERNAL, Driver
from app.gateway.parking import Parking
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.asking import StatelessClient
from app.relay.continuation import REFUSED
from app.relay.events import Disconnected, Expired, Failed, Finished, NeedsInput, Noticed, Question, Request, Result
from tests.unit.gateway.conftest import PlayedClient, PlayedUpstream

REQUEST = Request("tools/call", {"name": msgspec.Raw(b'"x"')}, {})
RESULT = Result(msgspec.Raw(b"{}"), Era.LEGACY)
FORM = msgspec.Raw(b'{"method":"elicitation/create","params":{"message":"?"}}')
YES = msgspec.Raw(b'{"action":"accept"}')
GONE = Fault(Kind.CLOSED, "Server 'a' exited with code 3.", "a")
PROGRESS = Noticed("notifications/progress", msgspec.Raw(b"{}"))


@dataclass
class Scene:
    """One modern client's call at a legacy server, and where it is parked."""

    tasks: asyncio.TaskGroup
    parking: Parking
    upstream: PlayedUpstream = field(default_factory=PlayedUpstream)
    name: str = ""
    overs: int = 0
    limits: tuple[float, float] = (60.0, 60.0)

    def __post_init__(self) -> None:
        self.driver = Driver(self.tasks, self.upstream, Era.MODERN, "", self.limits)
        self.driver.client = "ann"

        def seal(question: Result, rounds: int) -> Result:
            self.name = self.parking.park(self.name, self.driver, rounds)
            return question

        self.driver.asking = StatelessClient(
            "a", {"elicitation": msgspec.Raw(b"{}")}, seal, lambda: None, roots=True, one=False
        )
        self.driver.on_over = self._over

    def _over(self, driver: Driver) -> None:
        self.overs += 1
        if driver.kept is None:
            self.parking.forget(self.name)

    async def ask(self, *keys: str) -> PlayedClient:
        """The call, up to the question that its client gets."""
        client = PlayedClient(Disconnected())
        task = self.tasks.create_task(self.driver.run(REQUEST, client))
        async with asyncio.timeout(30):
            await self.upstream.lease.sent_once.wait()
            for key in keys:
                self.says(NeedsInput(Question({key: FORM})))
            await task
        return client

    def says(self, event: Finished | Failed | NeedsInput | Noticed) -> None:
        self.upstream.lease.sent[-1][1](event)

    async def answer(self, number: int, **answers: msgspec.Raw) -> PlayedClient:
        client = PlayedClient(Disconnected())
        driver = self.parking.claim(self.name, number)
        assert driver is self.driver
        task = self.tasks.create_task(driver.resume(dict(answers), client))
        await until(lambda: set(answers) <= set(keys_of(self.upstream)) or bool(client.outcomes))
        if not client.outcomes:
            self.says(Finished(RESULT))
        async with asyncio.timeout(30):
            await task
        return client


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - no event of ours tells
            await asyncio.sleep(0.001)


def keys_of(upstream: PlayedUpstream) -> list[str]:
    return [key for key, _ in upstream.lease.answered]


def questions_in(client: PlayedClient) -> list[str]:
    [outcome] = client.outcomes
    assert isinstance(outcome, Result), outcome
    return list(msgspec.json.decode(outcome.raw)["inputRequests"])


@pytest.fixture
async def scene(tasks: asyncio.TaskGroup) -> AsyncIterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def make(**more: float) -> Scene:
        made.append(Scene(tasks, Parking(**more)))
        return made[-1]

    yield make
    for each in made:
        each.driver.inbox.put(Expired(GONE))


async def test_a_call_is_parked_with_its_question_and_goes_on_with_the_answer(scene: Callable[..., Scene]) -> None:
    play = scene()
    assert questions_in(await play.ask("a", "b")) == ["a", "b"], "asked together"
    assert (len(play.parking), play.upstream.lease.released, play.overs) == (1, 0, 0)
    client = await play.answer(1, a=YES, b=YES)
    assert client.outcomes == [RESULT]
    assert play.upstream.lease.answered == [("a", YES), ("b", YES)]
    assert (len(play.parking), play.upstream.lease.released, play.overs) == (0, 1, 1)


async def test_what_is_left_open_is_asked_again_in_another_round(scene: Callable[..., Scene]) -> None:
    play = scene()
    await play.ask("a", "b")
    again = PlayedClient(Disconnected())
    driver = play.parking.claim(play.name, 1)
    assert driver is not None
    await driver.resume({"a": YES, "z": YES}, again)
    assert questions_in(again) == ["b"]
    assert play.parking.claim(play.name, 1) is None, "the first round is answered"
    assert (await play.answer(2, b=YES)).outcomes == [RESULT]


async def test_a_state_is_good_once_and_a_made_up_name_for_nothing(scene: Callable[..., Scene]) -> None:
    play = scene()
    await play.ask("a")
    assert play.parking.claim(play.name, 2) is None
    assert play.parking.claim("made up", 1) is None
    assert play.parking.claim(play.name, 0) is None
    assert play.parking.claim(play.name, 1) is play.driver
    assert play.parking.claim(play.name, 1) is None
    assert play.parking.claim(play.name, 0) is None, "claimed, and in nobody's reach"


async def test_a_server_that_dies_while_a_call_is_parked_is_what_its_client_comes_back_to(
    scene: Callable[..., Scene],
) -> None:
    play = scene()
    await play.ask("a")
    play.says(PROGRESS)
    play.says(Failed(GONE))
    await until(lambda: bool(play.overs))
    assert (play.upstream.lease.released, len(play.parking)) == (1, 1)
    [outcome] = (await play.answer(1, a=YES)).outcomes
    assert isinstance(outcome, Fault)
    assert outcome.message.startswith(GONE.message)
    assert (len(play.parking), play.overs) == (0, 1)


async def test_a_bug_met_while_a_call_is_parked_ends_that_call_alone(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    play = scene()
    await play.ask("a")
    monkeypatch.setattr(play.driver.asking, "judge", None)
    play.says(NeedsInput(Question({"b": FORM})))
    await until(lambda: bool(play.overs))
    assert play.upstream.lease.released == 1
    assert [identity for identity, _ in play.upstream.lease.cancelled] == [1]
    assert "not callable" in caplog.text
    assert (await play.answer(1, a=YES)).outcomes == [INTERNAL]
    assert len(play.parking) == 0


async def test_a_client_that_never_comes_back_costs_nothing_after_the_deadline(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "LIFETIME", 0.05)
    play = scene(lifetime=0.05)
    await play.ask("a")
    await until(lambda: bool(play.overs))
    assert [identity for identity, _ in play.upstream.lease.cancelled] == [1]
    assert (play.upstream.lease.released, len(play.parking)) == (1, 0)
    late = PlayedClient(Disconnected())
    await play.driver.resume({"a": YES}, late)
    assert late.outcomes == [REFUSED]


async def test_what_is_kept_for_a_client_is_dropped_when_its_time_is_over(scene: Callable[..., Scene]) -> None:
    play = scene(lifetime=0.05)
    await play.ask("a")
    play.says(Finished(RESULT))
    await until(lambda: not len(play.parking))
    assert play.upstream.lease.cancelled == []


async def test_notifications_of_a_parked_call_wait_for_its_client(scene: Callable[..., Scene]) -> None:
    play = scene()
    await play.ask("a")
    play.says(PROGRESS)
    for _ in range(5):
        await asyncio.sleep(0)
    client = await play.answer(1, a=YES)
    assert (client.notices, client.outcomes) == ([PROGRESS], [RESULT])


async def test_a_question_of_a_call_that_ends_within_the_moment_is_never_asked(scene: Callable[..., Scene]) -> None:
    play = scene()
    client = PlayedClient(Disconnected())
    task = play.tasks.create_task(play.driver.run(REQUEST, client))
    await play.upstream.lease.sent_once.wait()
    play.says(NeedsInput(Question({"a": FORM})))
    play.says(Finished(RESULT))
    await task
    assert client.outcomes == [RESULT]
    assert keys_of(play.upstream) == ["a"], "the server does not wait for ever"


async def test_a_client_has_so_many_parked_calls_and_no_more(
    tasks: asyncio.TaskGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    parking = Parking()
    one, two = Scene(tasks, parking), Scene(tasks, parking)
    await one.ask("a")
    assert parking.has_room("ann")
    await two.ask("a")
    assert not parking.has_room("ann")
    assert parking.has_room("bob")
    for each in (one, two):
        assert (await each.answer(1, a=YES)).outcomes == [RESULT]
    assert parking.has_room("ann")
