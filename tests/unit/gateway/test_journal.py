"""What a session's streams said, kept within bounds for a client that comes back."""

import asyncio

import pytest

from app.gateway import journal as module
from app.gateway.journal import Budget, Journal, Journals


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journals(clock: Clock) -> Journals:
    return Journals(Budget(), clock)


def event(text: str) -> bytes:
    return b"data: " + text.encode() + b"\n\n"


def test_every_event_has_an_id_that_is_its_own_in_the_session(journals: Journals) -> None:
    first, second = journals.begin(), journals.begin()
    said = [journal.add(event("x")) for journal in (first, second, first, journals.own)]
    assert [text.split(b"\n")[0] for text in said] == [b"id: 1-1", b"id: 2-1", b"id: 1-2", b"id: 0-1"]
    assert first.prime() == b"id: 1-2\nretry: 1000\ndata: \n\n"
    assert first.prime(1).startswith(b"id: 1-1\n")


def test_one_stream_alone_is_read_on_from_where_it_broke(journals: Journals) -> None:
    first, second = journals.begin(), journals.begin()
    for text in "abc":
        first.add(event(text))
        second.add(event("other"))
    found = journals.find("1-1")
    assert found == (first, 1)
    assert [text for _, text in first.since(1)] == [b"id: 1-2\ndata: b\n\n", b"id: 1-3\ndata: c\n\n"]


@pytest.mark.parametrize("unknown", ["", "9-1", "x", "1", "1-1-1", "-1-1", "1-" + "9" * 40, "²-1"])
def test_an_id_of_nothing_that_is_kept_is_unknown(journals: Journals, unknown: str) -> None:
    journals.begin()
    assert journals.find(unknown) is None


def test_what_is_kept_of_a_stream_is_bounded_and_the_newest_stays() -> None:
    budget = Budget()
    journal = Journal(1, budget)
    for number in range(module.EVENTS + 10):
        journal.add(event(str(number)))
    assert len(journal.since(0)) == module.EVENTS
    journal.add(b"data: " + b"x" * module.STREAM_BYTES + b"\n\n")
    (only,) = journal.since(0)
    assert len(only[1]) > module.STREAM_BYTES
    assert budget.held == journal.size == len(only[1])
    journal.forget()
    assert budget.held == 0


def test_all_journals_together_are_bounded() -> None:
    budget = Budget(limit=100)
    first, second = Journal(1, budget), Journal(2, budget)
    first.add(event("x" * 60))
    second.add(event("y" * 60))
    assert budget.held <= 100
    assert second.since(0) == []


def test_a_stream_that_is_written_on_after_it_was_forgotten_holds_nothing(clock: Clock) -> None:
    budget = Budget()
    journals = Journals(budget, clock)
    crowded_out = journals.begin()
    for _ in range(module.STREAMS):
        journals.begin()
    closed = journals.begin()
    journals.close()
    for journal in (crowded_out, closed):
        assert journal.add(event("x")).startswith(b"id: ")
        assert journal.since(0) == []
    assert budget.held == 0


def test_streams_are_bounded_and_those_that_are_complete_go_first(journals: Journals) -> None:
    open_one = journals.begin()
    done = journals.begin()
    journals.ended(done)
    for _ in range(module.STREAMS - 1):
        journals.begin()
    assert journals.find("2-0") is None
    assert journals.find("1-0") == (open_one, 0)
    assert journals.find("0-0") is None
    assert journals.own.number == 0
    for _ in range(module.STREAMS):
        journals.begin()
    assert journals.find("0-0") is not None, "the session's own stream makes no room"


def test_a_large_session_makes_room_and_an_old_answer_is_forgotten(journals: Journals, clock: Clock) -> None:
    large = [journals.begin() for _ in range(4)]
    for journal in large:
        journal.add(b"x" * (module.SESSION_BYTES // 3))
        journals.ended(journal)
    journals.begin()
    assert journals.find("1-0") is None
    assert journals.find("4-0") is not None
    clock.now += module.KEPT_SECONDS
    journals.prune()
    assert journals.find("4-0") is None
    assert journals.find("5-0") is not None, "an answer that is not complete stays"


async def test_a_reader_waits_for_what_comes_and_for_its_end(journals: Journals) -> None:
    journal = journals.begin()
    reader = journal.take()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
        waiting = tasks.create_task(journal.more(0, reader))
        await asyncio.sleep(0)
        journal.add(event("a"))
        await waiting
        waiting = tasks.create_task(journal.more(1, reader))
        await asyncio.sleep(0)
        journals.ended(journal)
        await waiting


async def test_another_reader_takes_the_stream(journals: Journals) -> None:
    journal = journals.begin()
    reader = journal.take()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
        waiting = tasks.create_task(journal.more(0, reader))
        await asyncio.sleep(0)
        journal.take()
        await waiting
    assert journal.reader != reader


def test_a_session_that_is_over_holds_nothing(clock: Clock) -> None:
    budget = Budget()
    journals = Journals(budget, clock)
    journal = journals.begin()
    journal.add(event("a"))
    journals.own.add(event("b"))
    journals.close()
    assert budget.held == 0
    assert journal.ended_at is not None
    assert journals.find("1-1") is None
