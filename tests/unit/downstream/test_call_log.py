"""One line a call."""

import logging
import time

import pytest

from app.downstream.call_log import MAX_NAME, CallLog


def test_a_call_is_one_line_with_who_what_where_and_how_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.call")
    log = CallLog()
    log.write(
        "r-1",
        time.perf_counter(),
        client="ann",
        method="tools/call",
        name="x" * 999,
        server="a",
        era="legacy",
        outcome="ok",
    )
    (record,) = caplog.records
    fields = record.fields
    assert {name: fields[name] for name in ("client", "method", "server", "era", "outcome", "request")} == {
        "client": "ann", "method": "tools/call", "server": "a", "era": "legacy", "outcome": "ok", "request": "r-1",
    }  # fmt: skip
    assert len(fields["tool"]) == MAX_NAME
    assert fields["ms"] >= 0


def test_no_text_of_a_clients_makes_a_line_longer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.call")
    CallLog().write(
        "r-1",
        0.0,
        client="ann",
        method="m" * 9999,
        name="x" * 9999,
        server="",
        era="legacy",
        outcome="method_not_found",
    )
    assert len(str(caplog.records[0].fields)) < 1000


def test_ids_are_never_given_twice_also_not_by_the_next_process() -> None:
    first, second = CallLog(), CallLog()
    ids = [log.next_id() for log in (first, first, second, second)]
    assert len(set(ids)) == 4
