"""The verdicts say what was measured: the worse era decides, a missed bound is called missed, nothing is made up."""

from tests.bench.crowd import Crowd
from tests.bench.generator import Measured
from tests.bench.processes import Reading
from tests.bench.report import promises, table, verdicts
from tests.bench.scenarios import Rest, Row, Start


def row(scenario: str, era: str, cpu_ms: float, p99_ms: float = 2.0, connections: int = 32) -> Row:
    figures = {"ok": 1000, "rps": 5000.0, "p50_ms": 1.0, "p99_ms": p99_ms, "max_ms": 9.0}
    figures |= {"bad_status": 0, "bad_body": 0, "broken": 0}
    after = Reading(own_s=cpu_ms, upstream_s=0.01, stolen=0, ticks=100)
    return Row(scenario, era, connections, "gateway", Measured(figures, Reading(0, 0, 0, 0), after))


def verdict(rows: list[Row], text: str) -> str:
    (found,) = [promise for promise in promises(rows, None, []) if text in promise.text]
    return found.verdict


def test_the_worse_era_decides() -> None:
    rows = [row("call-stdio", "2025-11-25", 0.15), row("call-stdio", "2026-07-28", 0.21)]
    assert verdict(rows, "call to a stdio server") == "MISSED"
    assert verdict(rows[:1], "call to a stdio server") == "kept"


def test_several_runs_count_by_their_median() -> None:
    rows = [row("call-http", "2025-11-25", cpu) for cpu in (0.20, 0.25, 0.90)]
    assert verdict(rows, "call to an HTTP server") == "kept"


def test_the_tail_is_held_against_the_median_of_the_same_run() -> None:
    assert verdict([row("call-stdio", "2025-11-25", 0.1, p99_ms=3.5)], "p99 of calls to a stdio") == "MISSED"
    assert verdict([row("call-stdio", "2025-11-25", 0.1, p99_ms=2.5)], "p99 of calls to a stdio") == "kept"


def test_what_was_not_measured_is_said_so() -> None:
    assert {promise.verdict for promise in promises([], None, [])} == {"not measured"}


def test_memory_and_start_have_their_verdicts() -> None:
    found = {promise.text: promise.verdict for promise in promises([], Rest(140.0, 3), [Start(2.5, 9), Start(3.1, 9)])}
    assert [found[text] for text in found if text.startswith(("memory at rest", "start"))] == ["MISSED", "MISSED"]


def test_a_crowd_has_its_verdicts_by_the_median_of_its_runs() -> None:
    crowds = [Crowd(1000, 1000, all_ms, 22.0, 60.0) for all_ms in (300.0, 400.0, 900.0)]
    found = {promise.text: promise.verdict for promise in promises([], None, [], crowds)}
    assert list(found.values())[-4:] == ["kept", "kept", "MISSED", "not measured"]


def test_the_tables_hold_the_figures() -> None:
    rows = [row("call-stdio", "2025-11-25", 0.15)]
    assert "| call-stdio | 2025-11-25 | 32 | gateway | 5,000 | 1.00 | 2.00 | 9.00 | 0.150 | 0.010 | 0 | 0 |" in table(
        rows
    )
    assert "0.20 ms CPU | 0.15 ms CPU | kept" in verdicts(promises(rows, None, [])).replace("0.2 ms", "0.20 ms")
