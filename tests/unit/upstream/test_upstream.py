import logging

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Item, ServerCatalog
from app.upstream import upstream as module
from app.upstream.errors import ProcessEnded, UpstreamError
from app.upstream.upstream import State, Upstream

DOWN = Fault(Kind.UNREACHABLE, "Server 'files' is down.", server="files")


@pytest.fixture
def server() -> Upstream:
    return Upstream(ServerSpec(name="files", label="Files", kind="http", prefix="files"))


def catalog(*names: str) -> ServerCatalog:
    return ServerCatalog(tuple(Item(name, {}) for name in names))


def test_each_change_of_state_is_one_line_and_is_told(server: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    states: list[State] = []
    remove = server.add_listener(lambda upstream: states.append(upstream.state))
    server.enter(State.BACKOFF, DOWN, retry_in=2.5)
    remove()
    remove()
    server.enter(State.STARTING)
    assert states == [State.BACKOFF]
    assert caplog.messages == [
        "server=files state=backoff reason=\"Server 'files' is down.\" retry_in=2.5s",
        "server=files state=starting",
    ]


def test_the_version_rises_only_with_a_change(server: Upstream) -> None:
    server.publish(catalog("a"))
    server.publish(catalog("a"))
    assert server.version == 1
    server.publish(catalog("a", "b"))
    assert server.version == 2


def test_what_a_server_says_to_have_changed_and_lists_as_before_is_heard(server: Upstream) -> None:
    heard: list[set[str]] = []
    server.on_unseen = heard.append
    server.announce("tools")
    assert server.publish(catalog("a"))
    assert heard == [], "everybody hears of that"
    server.announce("")
    server.publish(catalog("a"))
    server.announce("tools")
    server.announce("prompts")
    server.publish(catalog("a"))
    server.publish(catalog("a"))
    assert heard == [{"tools", "prompts"}]


async def test_a_call_in_backoff_fails_at_once_with_the_reason_and_a_time(server: Upstream) -> None:
    server.enter(State.BACKOFF, DOWN, retry_in=2.5)
    with pytest.raises(UpstreamError, match=r"is down\. It is tried again in 2 s") as caught:
        await server.acquire(Era.LEGACY)
    fault = caught.value.fault
    assert (fault.kind, fault.server) == (Kind.UNREACHABLE, "files")
    assert fault.retry_after is not None
    assert 2 <= fault.retry_after <= 2.5


async def test_a_call_waits_for_a_first_start_and_only_as_long_as_told_for_one_after_a_failure(
    server: Upstream,
) -> None:
    with anyio.move_on_after(0.2) as waiting:
        await server.acquire(Era.LEGACY)
    assert waiting.cancelled_caught
    for patience in (0.0, 0.05):
        server.enter(State.STARTING, DOWN, patience=patience)
        with pytest.raises(UpstreamError, match="is being started again"):
            await server.acquire(Era.LEGACY)


async def test_a_patient_call_waits_for_an_attempt_that_is_due_in_time_and_for_no_other(server: Upstream) -> None:
    server.enter(State.BACKOFF, DOWN, retry_in=30)
    with pytest.raises(UpstreamError):
        await server.acquire(Era.LEGACY, patience=5)
    server.enter(State.BACKOFF, DOWN, retry_in=0.01)
    with anyio.move_on_after(0.1) as waiting:
        await server.acquire(Era.LEGACY, patience=5)
    assert waiting.cancelled_caught


def test_the_last_ends_are_kept_with_their_exit_codes(server: Upstream) -> None:
    for number in range(module.EXITS_KEPT + 1):
        server.note_exit(ProcessEnded(Kind.CLOSED, f"end {number}", code=number), 1.25)
    server.note_exit(DOWN, 0.0)
    assert len(server.exits) == module.EXITS_KEPT
    assert (server.exits[-2].reason, server.exits[-2].code, server.exits[-2].lived) == ("end 10", 10, 1.2)
    assert (server.exits[-1].reason, server.exits[-1].code) == (DOWN.message, None)


def test_a_resting_server_serves_and_is_not_down(server: Upstream) -> None:
    server.rest()
    assert (server.state, server.serving, server.next_attempt) == (State.STOPPED, True, None)
    server.enter(State.STOPPED)
    assert not server.serving


def test_a_recalled_catalog_is_listed_and_gives_way_to_what_the_server_says(server: Upstream) -> None:
    server.recall(catalog("old"))
    assert (server.version, server.unlisted) == (1, False)
    assert not server.publish(catalog("old"))
    assert server.publish(catalog("new"))
    assert server.version == 2


async def test_a_call_that_waits_hears_of_a_failure(server: Upstream) -> None:
    async with anyio.create_task_group() as tasks:
        failures: list[str] = []

        async def call() -> None:
            try:
                await server.acquire(Era.LEGACY)
            except UpstreamError as error:
                failures.append(str(error))

        tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        server.enter(State.BACKOFF, DOWN, retry_in=1)
    assert failures


async def test_a_stopped_server_says_so(server: Upstream) -> None:
    server.enter(State.STOPPED)
    with pytest.raises(UpstreamError, match="was stopped") as caught:
        await server.acquire(Era.LEGACY)
    assert caught.value.fault.kind is Kind.CLOSED


async def test_waiting_for_a_list_ends_with_it_with_a_failure_or_with_the_time(server: Upstream) -> None:
    assert not await server.wait_listed(0.01)
    async with anyio.create_task_group() as tasks:
        answers: list[bool] = []

        async def wait() -> None:
            answers.append(await server.wait_listed(5))

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        server.publish(catalog("a"))
    assert answers == [True]
    server.enter(State.BACKOFF, DOWN)
    assert await server.wait_listed(5), "the last good catalog stays"


def test_a_server_that_is_not_running_is_not_listed_again(server: Upstream) -> None:
    server.refresh_if_older_than(0)
    assert not server.relist_wanted.is_set()
