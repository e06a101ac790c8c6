"""Result rows as text: one table of medians, and the verdict on each promise."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.bench.crowd import Crowd
from tests.bench.events import Events
from tests.bench.scenarios import Rest, Row, Start

COLUMNS = (
    "scenario", "era", "conns", "via", "req/s", "p50 ms", "p99 ms", "max ms",
    "gateway CPU", "upstream CPU", "RSS MB", "wrong",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Promise:
    """One promised bound and what was measured; `unit` says of what."""

    text: str
    bound: float
    value: float
    unit: str

    @property
    def verdict(self) -> str:
        if math.isnan(self.value):
            return "not measured"
        return "kept" if self.value <= self.bound else "MISSED"


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str, int, str], list[Row]]:
    groups: dict[tuple[str, str, int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.scenario, row.era, row.connections, row.via), []).append(row)
    return groups


def median(rows: list[Row], value: Callable[[Row], float]) -> float:
    return statistics.median(map(value, rows)) if rows else float("nan")


def figure(rows: list[Row], name: str) -> float:
    return median(rows, lambda row: row.measured.figures[name])


def gateway_cpu(rows: list[Row]) -> float:
    return median(rows, lambda row: row.measured.gateway_cpu_ms)


def table(rows: list[Row]) -> str:
    """Medians over the runs, as Markdown; CPU in seconds of 1000 calls."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    for (scenario, era, connections, via), runs in grouped(rows).items():
        ours = via == "gateway"
        cells = (
            scenario, era, str(connections), via,
            f"{figure(runs, 'rps'):,.0f}", *(f"{figure(runs, name):.2f}" for name in ("p50_ms", "p99_ms", "max_ms")),
            f"{gateway_cpu(runs):.3f}" if ours else "",
            f"{median(runs, lambda row: row.measured.upstream_cpu_ms):.3f}",
            f"{median(runs, lambda row: row.rss_mb):.0f}" if ours else "",
            str(sum(row.measured.wrong for row in runs)),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def machine_noise(rows: list[Row]) -> str:
    """How unevenly the machine ran: the same work costs more CPU while others use it."""
    sticks = sorted(row.yardstick_ms for row in rows if row.yardstick_ms)
    if not sticks:
        return ""
    return (
        f"A fixed piece of work took {sticks[0]:.0f} to {sticks[-1]:.0f} ms of CPU between the runs "
        f"(median {statistics.median(sticks):.0f}); CPU figures are uncertain by as much."
    )


def promises(
    rows: list[Row], rest: Rest | None, started: list[Start], crowds: Sequence[Crowd] = (), timed: Events | None = None
) -> list[Promise]:
    """Every promise about speed, with the worse era where there are two."""
    groups = grouped(rows)

    def worst(scenario: str, connections: int, value: Callable[[list[Row]], float]) -> float:
        picked = [
            value(runs)
            for (name, _, conns, via), runs in groups.items()
            if (name, conns, via) == (scenario, connections, "gateway")
        ]
        return max(picked, default=float("nan"))

    def tail(runs: list[Row]) -> float:
        return median(runs, lambda row: row.measured.figures["p99_ms"] / max(row.measured.figures["p50_ms"], 0.001))

    nothing = float("nan")

    def of_crowds(value: Callable[[Crowd], float]) -> float:
        return statistics.median(map(value, crowds)) if crowds else nothing

    return [
        Promise("a call to a stdio server, 32 connections", 0.20, worst("call-stdio", 32, gateway_cpu), "ms CPU"),
        Promise("a call to an HTTP server, 32 connections", 0.28, worst("call-http", 32, gateway_cpu), "ms CPU"),
        Promise("p99 of calls to a stdio server, 32 connections", 3, worst("call-stdio", 32, tail), "x p50"),
        Promise("p99 of calls to an HTTP server, 32 connections", 3, worst("call-http", 32, tail), "x p50"),
        Promise("a list of 500 tools, 4 connections", 0.5, worst("list", 4, gateway_cpu), "ms CPU"),
        Promise("memory at rest: launcher, arbiter, worker", 130, rest.rss_mb if rest else nothing, "MB RSS"),
        Promise(
            "start: ten stdio servers, one hangs, a list of nine", 3,
            max((s.seconds for s in started), default=nothing), "s",
        ),
        Promise("a change reaches 1000 streams, the last one after", 500, of_crowds(lambda c: c.all_ms), "ms"),
        Promise("memory of a stream", 40, of_crowds(lambda c: c.kb_each), "kB RSS"),
        Promise("what others wait while 1000 streams are told", 50, of_crowds(lambda c: c.stall_ms), "ms"),
        Promise("an event of a stream, what nginx adds, p50", 1, timed.added if timed else nothing, "ms"),
    ]  # fmt: skip


def verdicts(kept: list[Promise]) -> str:
    lines = ["| promise | bound | measured | |", "| --- | --- | --- | --- |"]
    for promise in kept:
        bound = f"{promise.bound:g} {promise.unit}"
        lines.append(f"| {promise.text} | {bound} | {promise.value:.2f} {promise.unit} | {promise.verdict} |")
    return "\n".join(lines)
