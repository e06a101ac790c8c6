"""Two configs and what a reload from one to the other does: `NAME.case` is old, new and plan, between dashes.

`GOLDEN=write` in the environment writes what is there now instead of comparing; read the difference before committing.
"""

import os
from pathlib import Path

import pytest

from app.config.compile import read_snapshot
from app.config.plan import Plan, make_plan, refusals
from app.config.snapshot import Notice
from app.gateway.sources import to_line

CASES = sorted(Path(__file__).parent.glob("*.case"))
SEPARATOR = "\n----\n"


def rendered(old: str, new: str) -> str:
    before = read_snapshot(old.encode(), "mcp_config.json", {})
    after = read_snapshot(new.encode(), "mcp_config.json", {})
    assert not isinstance(before, Notice)
    if isinstance(after, Notice):
        return f"refused {to_line(after)}\n"
    if found := refusals(after):
        return "".join(f"refused {to_line(notice)}\n" for notice in found)
    plan = make_plan(before.servers, after.servers)
    lines = [f"{verb} {' '.join(getattr(plan, verb))}\n" for verb in Plan.__struct_fields__ if getattr(plan, verb)]
    off = [f"disabled {one.name}\n" for one in after.disabled]
    return "".join((*lines, *off, f"log: {plan}\n"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_an_edit_means_what_its_case_says(case: Path) -> None:
    old, new, expected = case.read_text(encoding="utf-8").split(SEPARATOR)
    if os.environ.get("GOLDEN") == "write":
        case.write_text(SEPARATOR.join((old, new, rendered(old, new))), encoding="utf-8")
        return
    assert rendered(old, new) == expected


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
