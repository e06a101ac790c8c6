"""The driver: effects performed, and nothing left behind however a call ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from app.gateway import clock, repeating
from app.gateway.driver import Driver
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Item, ServerCatalog
from app.relay.events import (
    Cancelled,
    Detached,
    Disconnected,
    Failed,
    Finished,
    NeedsInput,
    Noticed,
    Question,
    Request,
    Result,
)
from app.relay.questions import OVER
from tests.unit.gateway.conftest import PlayedClient, PlayedUpstream

REQUEST = Request("tools/call", {"name": msgspec.Raw(b'"x"')}, {})
RESULT = Result(msgspec.Raw(b"{}"), Era.LEGACY)
PROGRESS = Noticed("notifications/progress", msgspec.Raw(b"{}"))
PATIENCE = 30.0
DETACHED = Detached()


class Play:
    """One call under way, and the task that drives it."""

    def __init__(
        self, driver: Driver, upstream: PlayedUpstream, client: PlayedClient, task: asyncio.Task[None]
    ) -> None:
        self.driver, self.upstream, self.client, self.task = driver, upstream, client, task

    async def sent(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.upstream.lease.sent_once.wait()

    def says(self, event: Finished | Failed | NeedsInput | Noticed) -> None:
        self.upstream.lease.sent[-1][1](event)

    async def over(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.task


@asynccontextmanager
async def call(
    upstream: PlayedUpstream, hung_up: Disconnected | Detached = DETACHED, limits: tuple[float, float] = (60.0, 60.0)
) -> AsyncIterator[Play]:
    async with asyncio.TaskGroup() as tasks:
        driver = Driver(tasks, upstream, Era.LEGACY, "", limits)
        client = PlayedClient(hung_up)
        play = Play(driver, upstream, client, tasks.create_task(driver.run(REQUEST, client)))
        yield play
        await play.over()
    assert upstream.lease.released == len(upstream.lease.sent) or upstream.fault


async def test_an_answer_reaches_the_client_and_the_lease_goes_back() -> None:
    async with call(PlayedUpstream()) as play:
        await play.sent()
        play.says(PROGRESS)
        play.says(Finished(RESULT))
    assert (play.client.notices, play.client.outcomes) == ([PROGRESS], [RESULT])
    assert play.upstream.lease.cancelled == []


async def test_a_call_waits_for_a_server_that_is_starting() -> None:
    async with call(PlayedUpstream(at_once=False)) as play:
        play.upstream.opened.set()
        await play.sent()
        play.says(Finished(RESULT))
    assert play.client.outcomes == [RESULT]


async def test_a_server_that_does_not_come_is_a_fault() -> None:
    fault = Fault(Kind.UNREACHABLE, "away", "a")
    async with call(PlayedUpstream(at_once=False, fault=fault)) as play:
        play.upstream.opened.set()
    assert play.client.outcomes == [fault]


async def test_a_request_to_a_server_listed_late_is_addressed_once_its_names_are_known() -> None:
    renamed = Request("tools/call", {"name": msgspec.Raw(b'"own"')}, {})
    upstream = PlayedUpstream(at_once=False)
    async with call(upstream) as play:
        play.driver.addressed = lambda: renamed
        upstream.opened.set()
        await play.sent()
        play.says(Finished(RESULT))
    assert upstream.lease.sent[0][0] is renamed


async def test_a_name_that_turns_out_unknown_is_never_sent() -> None:
    unknown = Fault(Kind.HIDDEN, "Unknown tool: x")
    upstream = PlayedUpstream(at_once=False, fault=None)
    async with asyncio.TaskGroup() as tasks:
        driver = Driver(tasks, upstream, Era.LEGACY, "", (60.0, 60.0))
        driver.addressed = lambda: unknown
        client = PlayedClient(Detached())
        upstream.opened.set()
        await driver.run(REQUEST, client)
    assert client.outcomes == [unknown]
    assert upstream.lease.sent == []
    assert upstream.lease.released == 1


async def test_a_client_that_closes_its_connection_cancels_where_that_is_a_cancel() -> None:
    async with call(PlayedUpstream(), Disconnected()) as play:
        await play.sent()
        play.client.hang_up.set()
    assert play.client.outcomes == []
    assert [identity for identity, _ in play.upstream.lease.cancelled] == [1]


async def test_a_client_that_takes_nothing_any_more_has_hung_up_though_its_connection_stands() -> None:
    async with call(PlayedUpstream(), Disconnected()) as play:
        await play.sent()
        play.client.gone = True
        play.says(PROGRESS)
    assert [identity for identity, _ in play.upstream.lease.cancelled] == [1]


async def test_a_client_that_closes_its_connection_leaves_the_call_running_where_it_is_none() -> None:
    async with call(PlayedUpstream(), Detached()) as play:
        await play.sent()
        play.client.hang_up.set()
        play.driver.inbox.put(Detached())
        play.says(Finished(RESULT))
    assert play.upstream.lease.cancelled == []
    assert play.client.outcomes == [RESULT]


async def test_a_cancel_of_the_clients_reaches_the_server() -> None:
    async with call(PlayedUpstream()) as play:
        await play.sent()
        play.driver.inbox.put(Cancelled("enough"))
    assert play.upstream.lease.cancelled == [(1, "enough")]
    assert [outcome.kind for outcome in play.client.outcomes if isinstance(outcome, Fault)] == [Kind.CANCELLED]


async def test_a_question_that_nobody_came_to_read_before_the_call_was_cancelled_is_answered() -> None:
    async with call(PlayedUpstream()) as play:
        await play.sent()
        play.driver.inbox.put(Cancelled("enough"))
        play.says(NeedsInput(Question({"q": msgspec.Raw(b"{}")})))
        play.says(NeedsInput(Question({"not in the call": msgspec.Raw(b"{}")}, RESULT)))
    assert play.upstream.lease.answered == [("q", OVER)]


async def test_silence_beyond_the_limit_cancels_and_is_a_timeout() -> None:
    async with call(PlayedUpstream(), limits=(0.05, 60.0)) as play:
        await play.sent()
    (fault,) = play.client.outcomes
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.server) == (Kind.TIMEOUT, "a")
    assert len(play.upstream.lease.cancelled) == 1


async def test_a_sign_of_life_does_not_outlast_the_limit_of_the_whole_call() -> None:
    async with call(PlayedUpstream(), limits=(0.05, 0.3)) as play:
        await play.sent()
        while not play.task.done():
            play.says(PROGRESS)
            await asyncio.sleep(0.01)
    assert len(play.client.notices) > 5
    assert isinstance(play.client.outcomes[0], Fault)


async def test_a_quiet_call_shows_the_client_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "COMMIT_AFTER", 0.03)
    monkeypatch.setattr(clock, "HEARTBEAT", 0.03)
    async with call(PlayedUpstream()) as play:
        await play.sent()
        for _ in range(2):
            async with asyncio.timeout(PATIENCE):
                await play.client.beaten.wait()
            play.client.beaten.clear()
        play.says(Finished(RESULT))
    assert play.client.beats >= 2


async def test_what_is_passed_on_puts_no_sign_of_life_off_since_it_may_not_reach_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "COMMIT_AFTER", 0.2)
    async with call(PlayedUpstream()) as play:
        await play.sent()
        async with asyncio.timeout(PATIENCE):
            while not play.client.beats:
                play.says(PROGRESS)
                await asyncio.sleep(0.02)
        play.says(Finished(RESULT))


async def test_a_driver_that_is_cancelled_itself_cancels_upstream_and_gives_the_lease_back() -> None:
    upstream = PlayedUpstream()
    async with asyncio.TaskGroup() as tasks:
        driver = Driver(tasks, upstream, Era.LEGACY, "", (60.0, 60.0))
        task = tasks.create_task(driver.run(REQUEST, PlayedClient(DETACHED)))
        async with asyncio.timeout(PATIENCE):
            await upstream.lease.sent_once.wait()
        task.cancel()
    assert len(upstream.lease.cancelled) == 1
    assert upstream.lease.released == 1


async def test_a_bug_on_the_way_is_answered_as_one_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(PlayedClient):
        async def stream(self, notice: Noticed) -> None:
            raise ZeroDivisionError

    upstream = PlayedUpstream()
    async with asyncio.TaskGroup() as tasks:
        driver = Driver(tasks, upstream, Era.LEGACY, "", (60.0, 60.0))
        client = Broken(Detached())
        task = tasks.create_task(driver.run(REQUEST, client))
        async with asyncio.timeout(PATIENCE):
            await upstream.lease.sent_once.wait()
        upstream.lease.sent[0][1](PROGRESS)
        await task
    assert [outcome.kind for outcome in client.outcomes if isinstance(outcome, Fault)] == [Kind.INTERNAL]
    assert "ZeroDivisionError" in caplog.text
    assert upstream.lease.released == 1


UNSENT = Failed(Fault(Kind.UNREACHABLE, "refuses connections", "a", unsent=True))
CLOSED = Failed(Fault(Kind.CLOSED, "Server 'a' exited with code 3.", "a"))


def catalog(**annotations: bool) -> ServerCatalog:
    return ServerCatalog((Item("x", {"annotations": msgspec.Raw(msgspec.json.encode(annotations))}),))


async def sent_twice(play: Play) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(play.upstream.lease.sent) < 2:
            play.upstream.lease.sent_once.clear()
            await play.upstream.lease.sent_once.wait()


@pytest.mark.parametrize(
    ("failure", "listed"),
    [(UNSENT, None), (CLOSED, catalog(readOnlyHint=True)), (CLOSED, catalog(idempotentHint=True))],
)
async def test_a_lost_call_is_sent_once_more_where_that_does_nothing_twice(
    failure: Failed, listed: ServerCatalog | None
) -> None:
    async with call(PlayedUpstream(catalog=listed)) as play:
        await play.sent()
        play.upstream.at_once = False
        play.upstream.opened.set()
        play.says(failure)
        await sent_twice(play)
        assert play.upstream.patience == [repeating.PATIENCE], "it waits for the server to come back"
        play.says(failure)
    assert len(play.upstream.lease.sent) == 2
    assert play.client.outcomes == [failure.fault]


async def test_a_lost_call_that_may_have_been_carried_out_is_not_repeated_and_its_client_is_told() -> None:
    async with call(PlayedUpstream(catalog=catalog(destructiveHint=True))) as play:
        await play.sent()
        play.says(CLOSED)
    [outcome] = play.client.outcomes
    assert isinstance(outcome, Fault)
    assert outcome.message.startswith("Server 'a' exited with code 3. Whether the call was carried out is unknown")
    assert len(play.upstream.lease.sent) == 1


async def test_what_has_shown_its_progress_is_not_begun_anew() -> None:
    async with call(PlayedUpstream(catalog=catalog(readOnlyHint=True))) as play:
        await play.sent()
        play.says(PROGRESS)
        play.says(CLOSED)
    assert len(play.upstream.lease.sent) == 1
