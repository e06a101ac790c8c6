"""`scripts/bench`: measures the gateway beside its upstreams and prints a table and the verdict on each promise.

Exit 1 only if an answer was wrong or the gateway did not come up: a missed figure on a busy machine is for a reader.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from tests.bench import scenarios
from tests.bench.crowd import Crowd, crowd
from tests.bench.events import events
from tests.bench.gateway import NotUpError
from tests.bench.report import machine_noise, promises, table, verdicts
from tests.bench.scenarios import FULL, QUICK, Effort, Rest, Row, Start

PARTS = ("start", "calls", "lists", "streams", "events")


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return (
        f"{os.cpu_count()} x {model}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before the run"
    )


def say(row: Row) -> None:
    figures = row.measured.figures
    print(
        f"  {row.scenario} {row.era} x{row.connections} {row.via}: {figures['rps']:,.0f} req/s, "
        f"p50 {figures['p50_ms']:.2f}, p99 {figures['p99_ms']:.2f} ms, wrong {row.measured.wrong}, "
        f"steal {row.measured.steal_percent:.0f} %",
        file=sys.stderr,
    )


def measure(parts: list[str], effort: Effort) -> tuple[list[Row], Rest | None, list[Start]]:
    rows: list[Row] = []
    rest: Rest | None = None
    started: list[Start] = []
    if "start" in parts:
        started = [scenarios.start() for _ in range(effort.runs)]
    if "calls" in parts:
        for item in scenarios.calls(effort):
            match item:
                case Rest():
                    rest = item
                case Row():
                    rows.append(item)
                    say(item)
    if "lists" in parts:
        for row in scenarios.lists(effort):
            rows.append(row)
            say(row)
    return rows, rest, started


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each (under a minute)")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; repeatable")
    parser.add_argument("--json", type=Path, help="also write every run to this file, one JSON object a line")
    args = parser.parse_args()
    print(machine(), flush=True)
    parts = args.only or list(PARTS)
    try:
        effort = QUICK if args.quick else FULL
        rows, rest, started = measure(parts, effort)
        crowds: list[Crowd] = [crowd() for _ in range(effort.runs)] if "streams" in parts else []
        timed = events(1 if args.quick else 3, 250 if args.quick else 1000) if "events" in parts else None
    except NotUpError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if args.json:
        args.json.write_text(
            "".join(
                json.dumps(asdict(item)) + "\n"
                for item in [*rows, *started, *crowds, *(item for item in (rest, timed) if item)]
            )
        )
    if rows:
        print(f"\n{table(rows)}\n\nCPU is seconds of 1000 calls; RSS is the gateway's own processes under that load.")
        print(machine_noise(rows))
    if rest:
        print(f"At rest: {rest.rss_mb:.0f} MB RSS in {rest.processes} processes.")
    for each in started:
        print(f"Start: {each.good} good servers listed after {each.seconds:.2f} s.")
    for crowded in crowds:
        print(
            f"Streams: {crowded.heard} of {crowded.streams} heard of a change, the last after {crowded.all_ms:.0f} ms; "
            f"{crowded.kb_each:.0f} kB each, and {crowded.nginx_kb:.0f} in nginx; "
            f"others waited {crowded.stall_ms:.0f} ms longer, without any change {crowded.calm_ms:.0f}."
        )
    if timed:
        print(
            f"An event of a stream: p50 {timed.direct_p50:.2f}, p99 {timed.direct_p99:.2f} ms; "
            f"through nginx p50 {timed.nginx_p50:.2f}, p99 {timed.nginx_p99:.2f} ms."
        )
    print(f"\n{verdicts(promises(rows, rest, started, crowds, timed))}")
    wrong = [row for row in rows if row.measured.wrong or not row.measured.figures["ok"]]
    for row in wrong:
        print(
            f"WRONG ANSWERS: {row.scenario} {row.era} {row.via}: {row.measured.figures['first_bad']}", file=sys.stderr
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
