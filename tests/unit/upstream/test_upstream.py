import logging

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.catalog import Item, ServerCatalog
from app.upstream import upstream as module
from app.upstream.errors import UpstreamError
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


async def test_a_call_in_backoff_fails_at_once_with_the_reason_and_a_time(server: Upstream) -> None:
    server.enter(State.BACKOFF, DOWN, retry_in=2.5)
    with pytest.raises(UpstreamError, match=r"is down\. It is being started again") as caught:
        await server.acquire(Era.LEGACY)
    fault = caught.value.fault
    assert (fault.kind, fault.server) == (Kind.UNREACHABLE, "files")
    assert fault.retry_after is not None
    assert 2 <= fault.retry_after <= 2.5


async def test_a_call_waits_for_a_first_start_and_only_a_little_for_one_after_a_failure(
    server: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with anyio.move_on_after(0.2) as waiting:
        await server.acquire(Era.LEGACY)
    assert waiting.cancelled_caught
    server.enter(State.STARTING, DOWN)
    with pytest.raises(UpstreamError):
        await server.acquire(Era.LEGACY)


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
