"""Legacy sessions belong to their principal, and end."""

import re

import pytest

from app.gateway.inbox import Inbox
from app.gateway.sessions import IDLE_SECONDS, PER_PRINCIPAL, STREAM_SECONDS, SessionTable
from app.protocol.versions import LEGACY_VERSIONS
from app.relay.events import Cancelled
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> SessionTable:
    return SessionTable(clock)


def test_a_session_is_found_by_its_own_principal_alone(table: SessionTable) -> None:
    session = table.open("ann", "2025-11-25")
    assert table.find("ann", session.id) is session
    assert table.find("bob", session.id) is None
    assert table.find("ann", "w0-guess") is None
    assert not table.close("bob", session.id)
    assert table.find("ann", session.id) is session


def test_ids_name_their_shard_and_cannot_be_guessed(table: SessionTable) -> None:
    ids = {table.open("ann", "2025-11-25").id for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"w0-[A-Za-z0-9_-]{43}", found) for found in ids)


def test_an_ended_session_is_unknown(table: SessionTable) -> None:
    session = table.open("ann", "2025-11-25")
    assert table.close("ann", session.id)
    assert table.find("ann", session.id) is None
    assert not table.close("ann", session.id)


def test_a_session_expires_when_idle_and_not_while_a_call_runs(table: SessionTable, clock: Clock) -> None:
    idle, busy = table.open("ann", "2025-11-25"), table.open("ann", "2025-11-25")
    busy.started(b"1", Inbox())
    clock.now = IDLE_SECONDS + 1
    assert table.find("ann", idle.id) is None
    assert table.find("ann", busy.id) is busy


def test_use_keeps_a_session(table: SessionTable, clock: Clock) -> None:
    session = table.open("ann", "2025-11-25")
    for _ in range(3):
        clock.now += IDLE_SECONDS - 1
        assert table.find("ann", session.id) is session


def test_the_time_of_a_long_call_is_not_idle_time(table: SessionTable, clock: Clock) -> None:
    session, inbox = table.open("ann", "2025-11-25"), Inbox()
    younger = table.open("ann", "2025-11-25")
    session.started(b"1", inbox)
    clock.now = IDLE_SECONDS * 2
    session.ended(b"1", inbox)
    table.rested(session)
    table.expire()
    assert table.find("ann", session.id) is session
    assert table.find("ann", younger.id) is None
    table.rested(table.implicit("ann", "2025-03-26"))


def test_sweeping_forgets_what_is_idle_and_nothing_else(table: SessionTable, clock: Clock) -> None:
    table.open("ann", "2025-11-25")
    clock.now = IDLE_SECONDS + 1
    fresh = table.open("bob", "2025-11-25")
    table.expire()
    assert len(table) == 1
    assert table.find("bob", fresh.id) is fresh


def test_past_the_limit_the_oldest_idle_session_goes_first(table: SessionTable) -> None:
    sessions = [table.open("ann", "2025-11-25") for _ in range(PER_PRINCIPAL)]
    other = table.open("bob", "2025-11-25")
    sessions[0].started(b"1", Inbox())
    newest = table.open("ann", "2025-11-25")
    assert table.find("ann", sessions[0].id) is sessions[0]
    assert table.find("ann", sessions[1].id) is None
    assert table.find("ann", newest.id) is newest
    assert table.find("bob", other.id) is other


async def test_a_cancel_reaches_the_call_of_that_id_until_it_ended(table: SessionTable) -> None:
    session, inbox = table.open("ann", "2025-11-25"), Inbox()
    session.started(b'"a"', inbox)
    session.cancel(b'"b"', "no")
    session.cancel(b'"a"', "enough")
    assert await inbox.get() == Cancelled("enough")
    session.ended(b'"a"', inbox)
    assert not session.busy
    session.cancel(b'"a"', "late")


async def test_two_calls_under_one_id_are_both_left_alone(table: SessionTable) -> None:
    session, first, second = table.implicit("ann", "2025-03-26"), Inbox(), Inbox()
    session.started(b"1", first)
    session.started(b"1", second)
    session.cancel(b"1", "which?")
    session.ended(b"1", first)
    session.cancel(b"1", "this")
    assert await second.get() == Cancelled("this")
    assert table.implicit("ann", "2025-03-26") is session
    assert table.implicit("bob", "2025-03-26") is not session


def test_an_open_stream_keeps_its_session_for_a_day_and_ends_with_it(table: SessionTable, clock: Clock) -> None:
    session, ended = table.open("ann", "2025-11-25"), []
    session.on_end = lambda _: ended.append(1)
    clock.now = STREAM_SECONDS
    table.expire()
    assert table.find("ann", session.id) is session
    clock.now += STREAM_SECONDS + 1
    table.expire()
    assert table.find("ann", session.id) is None
    assert ended == [1]


def test_a_session_that_is_deleted_ends_its_stream(table: SessionTable) -> None:
    session, ended = table.open("ann", "2025-11-25"), []
    session.on_end = lambda _: ended.append(1)
    table.close("ann", session.id)
    assert ended == [1]


def test_past_the_limit_a_session_that_listens_stays_before_one_that_does_not(table: SessionTable) -> None:
    listening = table.open("ann", "2025-11-25")
    listening.on_end = lambda _: None
    silent = [table.open("ann", "2025-11-25") for _ in range(PER_PRINCIPAL)]
    assert table.find("ann", listening.id) is listening
    assert table.find("ann", silent[0].id) is None


def test_sessions_end_with_their_principals(table: SessionTable) -> None:
    gone, stays = table.open("ann", "2025-11-25"), table.open("bob", "2025-11-25")
    nameless = table.implicit("ann", "2025-03-26")
    table.end({"ann", "nobody"})
    assert table.find("ann", gone.id) is None
    assert table.find("bob", stays.id) is stays
    assert table.implicit("ann", "2025-03-26") is not nameless


async def test_a_session_gives_back_what_was_held_for_it_however_it_ends(table: SessionTable, clock: Clock) -> None:
    given: list[str] = []
    deleted, expired, revoked = (table.open(who, "2025-11-25") for who in ("ann", "bob", "cyd"))
    for name, session in (("deleted", deleted), ("expired", expired), ("revoked", revoked)):
        session.owed.append(lambda name=name: given.append(name))
        assert session.journals is not None
        session.journals.begin().add(b"data: x\n\n")
    table.close("ann", deleted.id)
    table.end({"cyd"})
    clock.now = IDLE_SECONDS + 1
    table.expire()
    assert given == ["deleted", "revoked", "expired"]
    assert table._budget.held == 0
    deleted.end()
    assert len(given) == 3


def test_only_the_last_legacy_revision_keeps_what_its_streams_say(table: SessionTable) -> None:
    kept = {version: table.open("ann", version).journals is not None for version in LEGACY_VERSIONS}
    assert kept == {version: version == "2025-11-25" for version in LEGACY_VERSIONS}
